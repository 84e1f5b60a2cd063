//! The command line.

mod commands;

use crate::config::{Settings, given_as_options};
use crate::serve::Duty;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Settings, in the folder where a command is run.
const ENV_FILE: &str = ".env";

/// Tells a process that it is one of several.
const KEPT: &str = "HELIOGRAPH_KEPT";

/// Text with patients, pictures included.
#[derive(Parser)]
#[command(name = "heliograph", version, disable_help_subcommand = true, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the pages, the API and the webhooks, and work on jobs.
    Serve {
        /// Make a demo organisation with a simulator line, and print a one-time sign-in link.
        #[arg(long, value_name = "SCENE", num_args = 0..=1, require_equals = true, default_missing_value = "full")]
        demo: Option<Scene>,
        /// What this process does of the whole. A worker listens on HELIOGRAPH_ADDR as well, for whoever watches it.
        #[arg(long, value_enum, default_value_t = Duty::All)]
        role: Duty,
        /// One of several: stops as if it were told to, once nobody reads what it prints. Whoever keeps it has ended then.
        #[arg(long, env = KEPT, hide = true)]
        kept: bool,
    },
    /// Serve through several processes that share one address, and start again those that end. SIGHUP replaces them one by
    /// one, without a request that fails: with another program, once it lies where this one did.
    Supervise {
        /// Processes that serve the pages, the API and the webhooks.
        #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
        web: u16,
        /// Processes that work on jobs. Each answers /metrics on a port of this machine that it prints.
        #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
        workers: u16,
    },
    /// Bring the database up to date and stop; or copy everything into another database, another store for photos, or
    /// both. Stop the server before copying; a copy that was interrupted goes on where it was.
    Migrate {
        /// Copy every row into this database, which must be empty: `postgres://…` or `sqlite:PATH`.
        #[arg(long, value_name = "URL")]
        to: Option<String>,
        /// Copy every photo and file there: `s3://BUCKET/PREFIX`, reached with the AWS settings, or a folder.
        #[arg(long, value_name = "PLACE")]
        blobs: Option<String>,
    },
    /// Write a backup of the database and of all photos into a new file, while the server runs. The keys are not in it.
    Backup {
        /// Where to write it.
        file: PathBuf,
    },
    /// Put a backup back, into an empty data folder and an empty store for photos. With the server stopped.
    Restore {
        /// The backup. Without one, for a database that another tool put back: only what waited to be sent in it is held
        /// back, since it was most likely sent since.
        file: Option<PathBuf>,
    },
    /// Make the demo organisation and print a one-time sign-in link.
    Demo,
    /// Organisations.
    #[command(subcommand)]
    Org(Org),
    /// People who work here.
    #[command(subcommand)]
    Staff(Staff),
    /// API tokens.
    #[command(subcommand)]
    Token(Token),
    /// Numbers that patients write to.
    #[command(subcommand)]
    Line(Line),
    /// Work that was set aside because it kept failing; /metrics tells how much there is.
    #[command(subcommand)]
    Jobs(Jobs),
    /// Check that database and store for photos fit together: every photo's bytes, what is made of them, what waits.
    /// Prints what is wrong, and ends with 1 when something is.
    Doctor {
        /// Repair what can be repaired; ends with 1 only when something is left.
        #[arg(long)]
        repair: bool,
    },
    /// Print every setting with its meaning and default, as a file of settings.
    Settings,
}

/// What a new demo begins with.
#[derive(Clone, Copy, ValueEnum)]
enum Scene {
    /// Patients, and conversations of earlier days.
    Full,
    /// Patients alone.
    Empty,
}

impl From<Scene> for backend::demo::Scene {
    fn from(scene: Scene) -> Self {
        match scene {
            Scene::Full => Self::Full,
            Scene::Empty => Self::Empty,
        }
    }
}

#[derive(Subcommand)]
enum Org {
    /// Add an organisation.
    Add {
        /// Its name, as patients know it.
        name: String,
        /// Where national numbers are read: two letters.
        #[arg(long, default_value = "AU")]
        country: String,
    },
    /// List the organisations: name, country, how many lines and people.
    List,
}

#[derive(Subcommand)]
enum Staff {
    /// Add a person and print their one-time sign-in link, unless they have a password on this server.
    Add {
        /// What they sign in with.
        email: String,
        /// As they wish to be called; without it, the part of the address before the @.
        #[arg(long)]
        name: Option<String>,
        /// admin, staff or viewer.
        #[arg(long, default_value = "staff")]
        role: String,
        /// Name of the organisation, where there are several.
        #[arg(long)]
        org: Option<String>,
    },
    /// Print a new one-time link for a person who lost their password; it ends every session of theirs once it is used.
    Reset {
        /// What they sign in with.
        email: String,
    },
}

#[derive(Subcommand)]
enum Token {
    /// Make a token and print it, this once.
    Create {
        /// What it is for.
        name: String,
        /// admin, staff or viewer.
        #[arg(long, default_value = "staff")]
        role: String,
        /// Name of the organisation, where there are several.
        #[arg(long)]
        org: Option<String>,
    },
}

#[derive(Subcommand)]
enum Line {
    /// Add a line and print the webhook addresses to paste into the carrier's console.
    Add {
        /// The number, in any format.
        number: String,
        /// twilio, telnyx, messagemedia, smsbroadcast, clicksend or simulator.
        #[arg(long)]
        provider: String,
        /// What staff call it.
        #[arg(long, default_value = "Front desk")]
        name: String,
        /// File with the carrier's credentials as JSON; `-` reads them from standard input.
        #[arg(long, value_name = "FILE")]
        credentials: Option<String>,
        /// Name of the organisation, where there are several.
        #[arg(long)]
        org: Option<String>,
    },
    /// List the lines with their carriers, and the webhook addresses to paste into each carrier's console.
    List {
        /// Name of the organisation, where there are several.
        #[arg(long)]
        org: Option<String>,
    },
    /// The carriers behind a line.
    #[command(subcommand)]
    Carrier(Carrier),
    /// Ask every carrier of every line whether credentials, number and webhook addresses are right, and what is left to
    /// spend. Sends nothing and costs nothing. Ends with 1 when something is wrong or a carrier could not be asked; what a
    /// carrier has no way to tell is marked as unclear.
    Check {
        /// Name of the organisation, where there are several.
        #[arg(long)]
        org: Option<String>,
    },
}

#[derive(Subcommand)]
enum Carrier {
    /// Add a carrier to a line. Messages then come in through any of its carriers, and leave through the best one. The first
    /// real carrier takes the simulator's place.
    Add {
        #[command(flatten)]
        which: Which,
        /// File with the carrier's credentials as JSON; `-` reads them from standard input.
        #[arg(long, value_name = "FILE")]
        credentials: Option<String>,
    },
    /// Change a line's carrier; what is not named stays.
    Set {
        #[command(flatten)]
        which: Which,
        /// File with the fields of the credentials that change, as JSON; `-` reads them from standard input.
        #[arg(long, value_name = "FILE")]
        credentials: Option<String>,
        /// What to do with webhooks that do not prove that the carrier sent them: enforce puts them in quarantine,
        /// observe reads and counts them, off reads them.
        #[arg(long, value_name = "enforce|observe|off")]
        verification: Option<String>,
        /// The only addresses and networks that its webhooks may come from, with spaces between them; empty for any.
        #[arg(long, value_name = "LIST")]
        addresses: Option<String>,
        /// How many texts leave in a second, from 0.1 to 100, where the carrier has cleared the number for more or for
        /// less than usual; each part of a long SMS counts. `usual` for the carrier's usual pace.
        #[arg(long, value_name = "N|usual")]
        pace: Option<String>,
        /// Make a new secret for the webhook addresses, where they carry one. The one before it is taken for a week.
        #[arg(long)]
        exchange_secret: bool,
        /// Take the secret before the current one no longer.
        #[arg(long)]
        end_exchange: bool,
        /// Send everything through this carrier that it can carry, or with `false` the cheapest way again.
        #[arg(long, value_name = "true|false")]
        pin: Option<bool>,
    },
    /// Take a carrier away from a line. Its webhook addresses go on working, for what is under way.
    Remove {
        #[command(flatten)]
        which: Which,
    },
}

/// Which carrier of which line.
#[derive(clap::Args)]
struct Which {
    /// The line's number, in any format, or its name.
    line: String,
    /// twilio, telnyx, messagemedia, smsbroadcast, clicksend or simulator.
    #[arg(long)]
    provider: String,
    /// Name of the organisation, where there are several.
    #[arg(long)]
    org: Option<String>,
}

#[derive(Subcommand)]
enum Jobs {
    /// Put everything that failed back to work: photos to fetch or to prepare, and webhooks that could not be read.
    /// Messages are not sent again; staff do that in the conversation.
    Requeue,
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    // Before threads exist; what the environment says already wins over the file.
    if let Err(error) = dotenvy::from_path(ENV_FILE)
        && !error.not_found()
    {
        eprintln!("heliograph: .env cannot be read: {}", words_for(&error));
        return ExitCode::FAILURE;
    }
    let arguments = Cli::command().get_matches();
    let Cli { command, settings } = Cli::from_arg_matches(&arguments).unwrap_or_else(|error| error.exit());
    log();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("heliograph: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(commands::run(command, &settings, given_as_options(&arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("heliograph: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is wrong with a file of settings, without a value of it: it may be a secret, and this goes into a log.
fn words_for(error: &dotenvy::Error) -> String {
    let dotenvy::Error::LineParse(wrong, _) = error else { return error.to_string() };
    let text = std::fs::read_to_string(ENV_FILE).unwrap_or_default();
    let is_it = |line: &str| !line.trim_start().starts_with('#') && line.trim_end().ends_with(wrong.trim());
    let number = text.lines().position(is_it);
    let line = number.map_or_else(|| "a line of it".to_owned(), |number| format!("line {}", number + 1));
    format!(
        "{line} is no setting. Write NAME=value, and a value with a blank, a quote or a $ in it in single quotes"
    )
}

/// Logs to standard error: for people on a terminal, as JSON otherwise. `RUST_LOG` says how much.
fn log() {
    // What S3's library warns of is told by us, shorter.
    let quiet = "warn,server=info,backend=info,providers=info,aws_config=error,aws_smithy_runtime=error";
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet));
    let to_stderr = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Told of on the same standard error, a reader of the log who has gone would make every request panic.
        .log_internal_errors(false);
    if std::io::stderr().is_terminal() {
        to_stderr.compact().init();
    } else {
        to_stderr.json().flatten_event(true).init();
    }
}
