//! The settings as they are written down. Their help texts are the operator's manual and `.env.example`.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};
use std::ffi::OsString;

pub(super) const DATA: &str = "data";
pub(super) const ADDR: &str = "127.0.0.1:3000";
pub(super) const ADMIN_EMAIL: &str = "admin@clinic.example";
pub(super) const AWS_REGION: &str = "us-east-1";
pub(super) const MAX_MEDIA_SIZE_BYTES: &str = "524288000";
pub(super) const UPLOADS_PER_MINUTE: &str = "120";
pub(super) const SENDS_PER_MINUTE: &str = "120";
pub(super) const TOKEN_SENDS_PER_MINUTE: &str = "600";
pub(super) const SEARCHES_PER_MINUTE: &str = "240";
pub(super) const LINK_VIEWS_PER_MINUTE: &str = "120";
pub(super) const LINK_OPENINGS_PER_MINUTE: &str = "20";

/// Every setting as text, unchecked. The environment names are the public ones; each also works as an option.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Folder for the database, the keys and the photos, unless they are said to lie elsewhere.
    #[arg(long, env = "HELIOGRAPH_DATA", value_name = "FOLDER", global = true, default_value = DATA)]
    pub(super) data: Option<String>,

    /// Database: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`. Without it, SQLite in the data folder.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", global = true, hide_env_values = true)]
    pub(super) database_url: Option<String>,

    /// Address and port to listen on. Use 127.0.0.1 behind a proxy on the same machine.
    #[arg(long, env = "HELIOGRAPH_ADDR", value_name = "ADDRESS", global = true, default_value = ADDR)]
    pub(super) addr: Option<String>,

    /// Public address of this server, as staff, patients and carriers reach it, for example
    /// `https://sms.clinic.example`. Without it, the address that is listened on.
    #[arg(long, env = "APP_URL", value_name = "URL", global = true)]
    pub(super) app_url: Option<String>,

    /// S3 bucket for photos. Without it, they lie in a private folder below the data folder.
    #[arg(long, env = "AWS_S3_BUCKET", value_name = "NAME", global = true)]
    pub(super) aws_s3_bucket: Option<String>,

    /// The bucket's region.
    #[arg(long, env = "AWS_REGION", value_name = "NAME", global = true, default_value = AWS_REGION)]
    pub(super) aws_region: Option<String>,

    /// Access key for the bucket. Without it, the machine's own role is used.
    #[arg(long, env = "AWS_ACCESS_KEY_ID", value_name = "ID", global = true, hide_env_values = true)]
    pub(super) aws_access_key_id: Option<String>,

    /// Secret of the access key.
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", value_name = "SECRET", global = true, hide_env_values = true)]
    pub(super) aws_secret_access_key: Option<String>,

    /// Address of an S3 server other than Amazon's.
    #[arg(long, env = "AWS_ENDPOINT_URL_S3", value_name = "URL", global = true)]
    pub(super) aws_endpoint_url_s3: Option<String>,

    /// What the key of every photo in the bucket begins with.
    #[arg(long, env = "AWS_S3_FOLDER", value_name = "PREFIX", global = true)]
    pub(super) aws_s3_folder: Option<String>,

    /// Bytes of one uploaded or received file, at most.
    #[arg(
        long,
        env = "MAX_MEDIA_SIZE_BYTES",
        value_name = "BYTES",
        global = true,
        default_value = MAX_MEDIA_SIZE_BYTES
    )]
    pub(super) max_media_size_bytes: Option<String>,

    /// `false` refuses sending with a clear reason and goes on receiving.
    #[arg(long, env = "MESSAGING_ENABLED", value_name = "true|false", global = true, default_value = "true")]
    pub(super) messaging_enabled: Option<String>,

    /// `true` turns every line into a simulator: nothing reaches a real phone.
    #[arg(
        long,
        env = "MESSAGING_MOCK_MODE",
        value_name = "true|false",
        global = true,
        default_value = "false"
    )]
    pub(super) messaging_mock_mode: Option<String>,

    /// Key under which telephone numbers are found: 64 hexadecimal digits. Without it and its file, made on first
    /// start in the data folder. Changing it makes every number unfindable.
    #[arg(long, env = "PHONE_HASH_KEY", value_name = "HEX", global = true, hide_env_values = true)]
    pub(super) phone_hash_key: Option<String>,

    /// File that holds the key under which telephone numbers are found.
    #[arg(long, env = "PHONE_HASH_KEY_FILE", value_name = "PATH", global = true)]
    pub(super) phone_hash_key_file: Option<String>,

    /// Key that seals numbers, credentials and webhooks and signs links: 64 hexadecimal digits. Without it and its
    /// file, made on first start in the data folder. Without it nothing sealed can be read: keep a copy.
    #[arg(long, env = "HELIOGRAPH_MASTER_KEY", value_name = "HEX", global = true, hide_env_values = true)]
    pub(super) master_key: Option<String>,

    /// File that holds the key that seals and signs.
    #[arg(long, env = "HELIOGRAPH_MASTER_KEY_FILE", value_name = "PATH", global = true)]
    pub(super) master_key_file: Option<String>,

    /// Folder of the built browser files. Without it, `site` beside the program, else `target/site`.
    #[arg(long, env = "HELIOGRAPH_SITE", value_name = "FOLDER", global = true)]
    pub(super) site: Option<String>,

    /// What the first admin signs in with. Only read on the very first start, which prints a one-time link.
    #[arg(long, env = "HELIOGRAPH_ADMIN_EMAIL", value_name = "ADDRESS", global = true, default_value = ADMIN_EMAIL)]
    pub(super) admin_email: Option<String>,

    /// Private `host:port` pairs, with commas between them, that photos and carriers may be reached at all the same.
    /// Leave it empty in production. The simulated carrier needs nothing here.
    #[arg(long, env = "HELIOGRAPH_ALLOW_PRIVATE", value_name = "PAIRS", global = true)]
    pub(super) allow_private: Option<String>,

    /// Header in which a proxy that you run names the caller's address, for example `X-Forwarded-For` (its last
    /// entry counts) or `X-Real-IP`. Only set it when every request comes through that proxy.
    #[arg(long, env = "HELIOGRAPH_CLIENT_ADDRESS_HEADER", value_name = "NAME", global = true)]
    pub(super) client_address_header: Option<String>,

    /// How many files one member of staff, or one API token, may upload in a minute.
    #[arg(
        long,
        env = "HELIOGRAPH_UPLOADS_PER_MINUTE",
        value_name = "COUNT",
        global = true,
        default_value = UPLOADS_PER_MINUTE
    )]
    pub(super) uploads_per_minute: Option<String>,

    /// How many messages one member of staff may send in a minute.
    #[arg(
        long,
        env = "HELIOGRAPH_SENDS_PER_MINUTE",
        value_name = "COUNT",
        global = true,
        default_value = SENDS_PER_MINUTE
    )]
    pub(super) sends_per_minute: Option<String>,

    /// How many messages one API token may send in a minute.
    #[arg(
        long,
        env = "HELIOGRAPH_TOKEN_SENDS_PER_MINUTE",
        value_name = "COUNT",
        global = true,
        default_value = TOKEN_SENDS_PER_MINUTE
    )]
    pub(super) token_sends_per_minute: Option<String>,

    /// How often one member of staff, or one API token, may search in a minute. A search that is typed slowly counts
    /// several times.
    #[arg(
        long,
        env = "HELIOGRAPH_SEARCHES_PER_MINUTE",
        value_name = "COUNT",
        global = true,
        default_value = SEARCHES_PER_MINUTE
    )]
    pub(super) searches_per_minute: Option<String>,

    /// How often one network address may look at the pages of private links in a minute. Phones of one mobile network
    /// may share an address, and so may everybody behind a proxy that no header is set for.
    #[arg(
        long,
        env = "HELIOGRAPH_LINK_VIEWS_PER_MINUTE",
        value_name = "COUNT",
        global = true,
        default_value = LINK_VIEWS_PER_MINUTE
    )]
    pub(super) link_views_per_minute: Option<String>,

    /// How often one network address may open private links in a minute, with right or wrong dates of birth.
    #[arg(
        long,
        env = "HELIOGRAPH_LINK_OPENINGS_PER_MINUTE",
        value_name = "COUNT",
        global = true,
        default_value = LINK_OPENINGS_PER_MINUTE
    )]
    pub(super) link_openings_per_minute: Option<String>,

    /// Bearer token for `/metrics`. Without it, only this machine may read them, and not through a proxy.
    #[arg(
        long,
        env = "HELIOGRAPH_METRICS_TOKEN",
        value_name = "TOKEN",
        global = true,
        hide_env_values = true
    )]
    pub(super) metrics_token: Option<String>,
}

/// The settings that were given as options, under their names in the environment, which is how a child process is told.
pub(crate) fn given_as_options(arguments: &ArgMatches) -> Vec<(OsString, OsString)> {
    Settings::augment_args(Command::new("heliograph"))
        .get_arguments()
        .filter_map(|setting| {
            let id = setting.get_id().as_str();
            if arguments.value_source(id) != Some(ValueSource::CommandLine) {
                return None;
            }
            let value = arguments.get_raw(id)?.next()?;
            Some((setting.get_env()?.to_owned(), value.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_options_are_handed_on() {
        let command = Settings::augment_args(Command::new("heliograph").no_binary_name(true));
        let arguments = command.get_matches_from(["--addr", "127.0.0.1:4000"]);
        assert_eq!(
            given_as_options(&arguments),
            [(OsString::from("HELIOGRAPH_ADDR"), OsString::from("127.0.0.1:4000"))]
        );
    }
}
