//! The child process alone, without the server around it: for the crate's own tests and for
//! measuring. In the product the program `heliograph` is its own child.

use std::process::ExitCode;

fn main() -> ExitCode {
    picture_worker::child_main()
}
