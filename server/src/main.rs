//! The program `heliograph`.

// The types of whole pages are deep: every element stands in the type of the one around it.
#![recursion_limit = "512"]

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: the child that decodes pictures must have no threads, runtime or configuration.
    if std::env::args().nth(1).as_deref() == Some(picture_worker::SUBCOMMAND) {
        return picture_worker::child_main();
    }
    server::cli::main()
}
