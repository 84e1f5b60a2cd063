//! Makes carrier copies and says how long each took, child process included: one path a line on
//! standard input, one line of JSON each on standard output. `cargo xtask bench convert` drives it
//! beside the programs that it is compared with, and it serves to look at one picture:
//!
//! ```sh
//! echo photo.heic | cargo run -p picture-worker --example convert -- carrier.jpg
//! ```
//!
//! The argument, if any, is where the copy is written.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

use picture::Budget;
use picture_worker::{PictureWorker, Wanted};

fn main() -> Result<(), Box<dyn Error>> {
    // `target/…/examples/convert` stands beside `target/…/picture-worker`.
    let here = std::env::current_exe()?;
    let exe = here.ancestors().nth(2).ok_or("this program lies in no folder")?.join("picture-worker");
    let worker = PictureWorker::new(exe);
    let wanted = Wanted::carrier(Budget::CARRIER);
    for path in std::io::stdin().lines() {
        let started = Instant::now();
        let developed = worker.develop(&File::open(Path::new(&path?))?, &wanted);
        let ms = started.elapsed().as_secs_f64() * 1000.0;
        let developed = match developed {
            Ok(developed) => developed,
            Err(error) => {
                println!("{}", serde_json::json!({ "error": error.to_string() }));
                continue;
            }
        };
        let copy = developed.renditions.first().ok_or("one copy was wanted")?;
        if let Some(target) = std::env::args_os().nth(1) {
            std::fs::write(target, &copy.bytes)?;
        }
        let (bytes, width, height) = (copy.bytes.len(), copy.width, copy.height);
        println!("{{\"ms\":{ms:.1},\"bytes\":{bytes},\"width\":{width},\"height\":{height}}}");
    }
    Ok(())
}
