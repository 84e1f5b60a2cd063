//! `.env.example`, made from the settings themselves.

use super::Settings;
use clap::{Args, Command};
use std::fmt::Write;

/// Every setting with its help text, commented out, in the order of `heliograph serve --help`.
pub fn env_example() -> String {
    let mut out = String::from(
        "# Settings of Heliograph. Copy this file to .env, take the # from the lines you want to change.\n\
         # A value with a $, a blank, a quote or a \\ in it stands in single quotes, as in 'pa$$word': without\n\
         # them, $NAME is taken for the value of NAME.\n\
         # Made by `heliograph settings`; a test fails when it differs.\n",
    );
    for setting in Settings::augment_args(Command::new("heliograph")).get_arguments() {
        let Some(name) = setting.get_env() else { continue };
        let help = setting.get_help().map(ToString::to_string).unwrap_or_default();
        let default =
            setting.get_default_values().first().and_then(|value| value.to_str()).unwrap_or_default();
        out.push('\n');
        // Clap takes a lone paragraph's last full stop away.
        for line in wrapped(&format!("{}.", help.trim_end_matches('.'))) {
            let _ = writeln!(out, "# {line}");
        }
        let _ = writeln!(out, "#{}={default}", name.to_string_lossy());
    }
    out
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("starts with a line");
        if !line.is_empty() && line.len() + word.len() > 98 {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
