//! What the operator decides: raw settings in, a validated [`Config`] out.

mod env_example;
mod keys;
mod raw;

pub use env_example::env_example;
pub use keys::KeySource;
pub(crate) use keys::{make_private_file, make_private_folder};
pub use raw::Settings;
pub(crate) use raw::given_as_options;

use backend::limits::PerMinute;
use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use url::Url;

/// A setting that is wrong, by the name it has in the environment.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct ConfigError {
    /// For example `APP_URL`.
    pub setting: &'static str,
    /// What is wrong and what would be right. Never the value of a secret.
    pub problem: String,
}

/// Every decision of the operator, checked.
#[derive(Debug)]
pub struct Config {
    /// `sqlite:…` or `postgres://…`, with its password.
    pub database_url: Secret,
    /// Where everything lies that is not in the database or in S3.
    pub data: PathBuf,
    /// Where to listen.
    pub addr: SocketAddr,
    /// The public base of links and webhooks; without it, the address that is listened on.
    pub app_url: Option<Url>,
    /// Where photos lie.
    pub blobs: BlobPlace,
    /// Bytes of one file, at most.
    pub max_media_bytes: u64,
    /// `false` refuses sending and goes on receiving.
    pub messaging_enabled: bool,
    /// Every line is a simulator.
    pub mock_mode: bool,
    /// Seals and signs.
    pub master_key: KeySource,
    /// Numbers are found under it.
    pub phone_key: KeySource,
    /// This program; its subcommand `picture-worker` decodes pictures.
    pub program: PathBuf,
    /// The built browser files.
    pub site: PathBuf,
    site_is_named: bool,
    /// What the first admin signs in with.
    pub admin_email: String,
    /// Private `host:port` pairs that may be fetched from all the same.
    pub allow_private: HashSet<String>,
    /// The header in which a trusted proxy names the caller's address.
    pub client_address_header: Option<http::HeaderName>,
    /// How often everyone may ask.
    pub limits: PerMinute,
    /// Lets a collector read `/metrics` from elsewhere.
    pub metrics_token: Option<Secret>,
}

/// Photos, in the data folder.
pub(crate) const MEDIA: &str = "media";

/// Below the folder of the built browser files: which file has which hashed name.
const MANIFEST: &str = "pkg/manifest.json";

/// What a command takes as a place for photos.
const PLACES: &str = "write s3://BUCKET or s3://BUCKET/PREFIX, or the path of a folder";

/// Where photos lie.
#[derive(Debug)]
pub enum BlobPlace {
    /// In a private folder.
    Folder(PathBuf),
    /// In a bucket.
    S3 {
        /// `AWS_S3_BUCKET`.
        bucket: String,
        /// `AWS_REGION`.
        region: String,
        /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; without them the machine's own role is used.
        credentials: Option<(String, Secret)>,
        /// `AWS_ENDPOINT_URL_S3`.
        endpoint: Option<Url>,
        /// `AWS_S3_FOLDER`.
        folder: String,
    },
}

/// A text that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Config {
    /// Checks the settings and fills in what follows from others.
    ///
    /// # Errors
    /// Names the first setting that is wrong.
    pub fn from_settings(raw: &Settings) -> Result<Self, ConfigError> {
        let data = PathBuf::from(given(&raw.data).unwrap_or(raw::DATA));
        let addr = given(&raw.addr).unwrap_or(raw::ADDR).parse().map_err(|_| {
            wrong(
                "HELIOGRAPH_ADDR",
                "write an address and a port, for example 127.0.0.1:3000 or 0.0.0.0:3000",
            )
        })?;
        let database_url = match given(&raw.database_url) {
            Some(url) if url.contains(":memory:") => {
                return Err(wrong("DATABASE_URL", "name a file; what is in memory is gone with the process"));
            }
            Some(url) if ["sqlite:", "postgres://", "postgresql://"].iter().any(|s| url.starts_with(s)) => {
                url.to_owned()
            }
            Some(_) => return Err(wrong("DATABASE_URL", "begin with sqlite: or postgres://")),
            None => format!("sqlite:{}", data.join("heliograph.db").display()),
        };
        Ok(Self {
            database_url: Secret(database_url),
            addr,
            app_url: given(&raw.app_url).map(app_url).transpose()?,
            blobs: blob_place(raw, &data)?,
            max_media_bytes: given(&raw.max_media_size_bytes)
                .unwrap_or(raw::MAX_MEDIA_SIZE_BYTES)
                .parse()
                .ok()
                .filter(|bytes| *bytes > 0)
                .ok_or_else(|| wrong("MAX_MEDIA_SIZE_BYTES", "write a whole number of bytes above 0"))?,
            messaging_enabled: yes_or_no("MESSAGING_ENABLED", &raw.messaging_enabled, true)?,
            mock_mode: yes_or_no("MESSAGING_MOCK_MODE", &raw.messaging_mock_mode, false)?,
            master_key: KeySource::read(
                "HELIOGRAPH_MASTER_KEY",
                given(&raw.master_key),
                given(&raw.master_key_file),
                data.join("keys/master.key"),
            )?,
            phone_key: KeySource::read(
                "PHONE_HASH_KEY",
                given(&raw.phone_hash_key),
                given(&raw.phone_hash_key_file),
                data.join("keys/phone.key"),
            )?,
            program: std::env::current_exe()
                .map_err(|_| wrong("PATH", "the program's own file cannot be found"))?,
            site: given(&raw.site).map_or_else(site_beside_the_program, PathBuf::from),
            site_is_named: given(&raw.site).is_some(),
            admin_email: given(&raw.admin_email).unwrap_or(raw::ADMIN_EMAIL).to_owned(),
            allow_private: allow_private(given(&raw.allow_private).unwrap_or_default())?,
            client_address_header: given(&raw.client_address_header)
                .map(|name| {
                    name.parse().map_err(|_| {
                        wrong(
                            "HELIOGRAPH_CLIENT_ADDRESS_HEADER",
                            "write a header's name, for example X-Real-IP",
                        )
                    })
                })
                .transpose()?,
            limits: limits(raw)?,
            metrics_token: given(&raw.metrics_token).map(|token| Secret(token.to_owned())),
            data,
        })
    }

    /// To be asked by what serves pages: without what is built there, every one is empty. Nothing is said of the place where
    /// they are looked for when none is named.
    ///
    /// # Errors
    /// Names the folder.
    pub(crate) fn require_pages(&self) -> Result<(), ConfigError> {
        if !self.site_is_named || self.site.join(MANIFEST).is_file() {
            return Ok(());
        }
        let problem = format!(
            "{} holds no built pages; name the folder `site` that came with the program, or that `cargo xtask site` printed",
            self.site.display()
        );
        Err(ConfigError { setting: "HELIOGRAPH_SITE", problem })
    }

    /// The public base: the one that is set, else the address that is listened on.
    pub fn public_base(&self, listening: SocketAddr) -> Url {
        self.app_url.clone().unwrap_or_else(|| {
            let host = match listening.ip() {
                ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
                std::net::IpAddr::V6(ip) => format!("[{ip}]"),
                ip => ip.to_string(),
            };
            format!("http://{host}:{}", listening.port()).parse().expect("an address and a port make a URL")
        })
    }
}

impl BlobPlace {
    /// A place that a command names: `s3://BUCKET/PREFIX`, reached with the settings' credentials, or a folder.
    ///
    /// # Errors
    /// Names the setting that is wrong. An address of any other kind is refused: it would become a folder of that name,
    /// and everything would seem to have been copied.
    pub fn named(place: &str, raw: &Settings) -> Result<Self, ConfigError> {
        let is_address = |text: &str| text.contains("://") || text.to_ascii_lowercase().starts_with("s3:");
        match place.strip_prefix("s3://") {
            Some(named) => {
                let (bucket, folder) = named.split_once('/').unwrap_or((named, ""));
                if bucket.is_empty() || is_address(named) {
                    return Err(wrong("--blobs", PLACES));
                }
                s3_place(raw, bucket, folder)
            }
            None if is_address(place) || place.is_empty() => Err(wrong("--blobs", PLACES)),
            None => Ok(Self::Folder(place.into())),
        }
    }
}

fn app_url(text: &str) -> Result<Url, ConfigError> {
    let wrong = |problem| wrong("APP_URL", problem);
    let mut url: Url =
        text.parse().map_err(|_| wrong("write a full address, for example https://sms.clinic.example"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("begin with https:// (or http:// on this machine)"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.path().trim_matches('/').is_empty() {
        return Err(wrong(
            "leave out everything after the host and the port; Heliograph needs a host of its own",
        ));
    }
    url.set_path("");
    Ok(url)
}

fn blob_place(raw: &Settings, data: &Path) -> Result<BlobPlace, ConfigError> {
    match given(&raw.aws_s3_bucket) {
        Some(bucket) => s3_place(raw, bucket, given(&raw.aws_s3_folder).unwrap_or_default()),
        None => Ok(BlobPlace::Folder(data.join(MEDIA))),
    }
}

/// A bucket, with what the settings say of the S3 server and of who asks.
fn s3_place(raw: &Settings, bucket: &str, folder: &str) -> Result<BlobPlace, ConfigError> {
    let credentials = match (given(&raw.aws_access_key_id), given(&raw.aws_secret_access_key)) {
        (Some(id), Some(secret)) => Some((id.to_owned(), Secret(secret.to_owned()))),
        (None, None) => None,
        (Some(_), None) => return Err(wrong("AWS_SECRET_ACCESS_KEY", "is missing beside AWS_ACCESS_KEY_ID")),
        (None, Some(_)) => return Err(wrong("AWS_ACCESS_KEY_ID", "is missing beside AWS_SECRET_ACCESS_KEY")),
    };
    let endpoint = given(&raw.aws_endpoint_url_s3)
        .map(|url| url.parse().map_err(|_| wrong("AWS_ENDPOINT_URL_S3", "write a full address")))
        .transpose()?;
    Ok(BlobPlace::S3 {
        bucket: bucket.to_owned(),
        region: given(&raw.aws_region).unwrap_or(raw::AWS_REGION).to_owned(),
        credentials,
        endpoint,
        folder: folder.trim_matches('/').to_owned(),
    })
}

fn allow_private(list: &str) -> Result<HashSet<String>, ConfigError> {
    list.split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(pair.to_lowercase()),
            _ => Err(wrong("HELIOGRAPH_ALLOW_PRIVATE", "write host:port pairs with commas between them")),
        })
        .collect()
}

fn site_beside_the_program() -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("site")));
    beside.filter(|site| site.is_dir()).unwrap_or_else(|| PathBuf::from("target/site"))
}

fn yes_or_no(setting: &'static str, text: &Option<String>, unset: bool) -> Result<bool, ConfigError> {
    match given(text).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(unset),
        Some("true" | "1" | "yes" | "on") => Ok(true),
        Some("false" | "0" | "no" | "off") => Ok(false),
        Some(_) => Err(wrong(setting, "write true or false")),
    }
}

fn limits(raw: &Settings) -> Result<PerMinute, ConfigError> {
    let count = |setting, text: &Option<String>, unset: &str| {
        let count = given(text).unwrap_or(unset).parse::<u32>().ok().filter(|count| *count > 0);
        count.ok_or_else(|| wrong(setting, "write a whole number above 0"))
    };
    Ok(PerMinute {
        uploads: count("HELIOGRAPH_UPLOADS_PER_MINUTE", &raw.uploads_per_minute, raw::UPLOADS_PER_MINUTE)?,
        sends: count("HELIOGRAPH_SENDS_PER_MINUTE", &raw.sends_per_minute, raw::SENDS_PER_MINUTE)?,
        token_sends: count(
            "HELIOGRAPH_TOKEN_SENDS_PER_MINUTE",
            &raw.token_sends_per_minute,
            raw::TOKEN_SENDS_PER_MINUTE,
        )?,
        searches: count(
            "HELIOGRAPH_SEARCHES_PER_MINUTE",
            &raw.searches_per_minute,
            raw::SEARCHES_PER_MINUTE,
        )?,
        link_views: count(
            "HELIOGRAPH_LINK_VIEWS_PER_MINUTE",
            &raw.link_views_per_minute,
            raw::LINK_VIEWS_PER_MINUTE,
        )?,
        link_openings: count(
            "HELIOGRAPH_LINK_OPENINGS_PER_MINUTE",
            &raw.link_openings_per_minute,
            raw::LINK_OPENINGS_PER_MINUTE,
        )?,
    })
}

/// An empty variable is an unset one: `NAME=` in a file of settings means "the default".
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn wrong(setting: &'static str, problem: &str) -> ConfigError {
    ConfigError { setting, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests;
