//! From a checked configuration to a running product.

use crate::config::{BlobPlace, Config, KeySource, make_private_file, make_private_folder};
use backend::clock::random_bytes;
use backend::keys::WhichKey;
use backend::media::blobs::{BlobError, S3Settings};
use backend::providers::{Http, Netguard};
use backend::store::{StoreError, sqlite_file};
use backend::{Backend, Blobs, Clock, Keys, Parts, Store, canary};
use model::phone::Country;
use model::staff::Role;
use picture_worker::PictureWorker;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use url::Url;

/// Why the product cannot start, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The data folder cannot be made.
    #[error("HELIOGRAPH_DATA: the folder {} cannot be made: {cause}", folder.display())]
    Data {
        /// Where it should be.
        folder: PathBuf,
        /// What is wrong.
        cause: io::Error,
    },
    /// The file of the database cannot be made.
    #[error("DATABASE_URL: {} cannot be made: {cause}. Is its folder there, and may this person write to it?", file.display())]
    Database {
        /// Where it should be.
        file: PathBuf,
        /// What is wrong.
        cause: io::Error,
    },
    /// Keys without what was written with them.
    #[error(
        "DATABASE_URL: there is no database at {}, though {} is the key of one. Is its disk there, and is it the right \
         place? If the database is lost, put it back with heliograph restore; to begin anew, move the key away",
        file.display(),
        key.display()
    )]
    DatabaseLost {
        /// Where it should be.
        file: PathBuf,
        /// A key that was made for it.
        key: PathBuf,
    },
    /// A file that holds a key, or should.
    #[error("{setting}: the file of this key: {cause}")]
    KeyFile {
        /// What the key is called among the settings.
        setting: &'static str,
        /// Where it is, and what is wrong.
        cause: io::Error,
    },
    /// The database.
    #[error("DATABASE_URL: the database cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The blob store.
    #[error("the store for photos cannot be used: {0}")]
    Blobs(#[from] BlobError),
    /// The database holds data, and the key that opens it is gone.
    #[error(
        "the database holds organisations, but the key file {} is missing. What was stored cannot be read without \
         it: put it back from your backup, or set its value",
        .0.display()
    )]
    KeyLost(PathBuf),
    /// The database was written with another key.
    #[error(
        "{0}: this is not the key that the database was written with, and what was stored cannot be read with it. Set \
         the key of before, from your backup, or name another database in DATABASE_URL"
    )]
    WrongKey(&'static str),
    /// The operating system offers no certificates.
    #[error("no trusted certificates were found; install the package ca-certificates")]
    NoTrust,
    /// The backend.
    #[error(transparent)]
    Backend(#[from] backend::Error),
}

/// Opens the product: makes the data folder and the keys where they are missing, migrates the database.
///
/// # Errors
/// What is wrong and what to do.
pub async fn open(config: &Config, app_url: Url) -> Result<Backend, SetupError> {
    prepare_data(config)?;
    let store = Store::connect(config.database_url.expose()).await?;
    store.migrate().await?;
    let blobs = open_blobs(&config.blobs).await?;
    let guard = Netguard { allowed_private: config.allow_private.clone(), own: Some(app_url.clone()) };
    let http = Http::new(guard).map_err(|_| SetupError::NoTrust)?;
    let master = Key::load(WhichKey::Master, &config.master_key)?;
    let phone = Key::load(WhichKey::Phone, &config.phone_key)?;
    let backend = Backend::new(Parts {
        store,
        blobs,
        http,
        pictures: Arc::new(PictureWorker::new(config.program.clone())),
        clock: Clock::system(),
        keys: Keys::new(master.bytes, phone.bytes),
        settings: backend::Settings {
            app_url,
            max_media_bytes: config.max_media_bytes,
            messaging_enabled: config.messaging_enabled,
            mock_mode: config.mock_mode,
            limits: config.limits,
        },
        live: backend::live::Hub::default(),
    });
    for key in [&master, &phone] {
        key.refuse_if_lost(&backend).await?;
    }
    refuse_wrong_key(canary::wrong_key(&backend).await?)?;
    for key in [&master, &phone] {
        key.keep_if_new()?;
    }
    refuse_wrong_key(canary::note_keys(&backend).await?)?;
    backend::patients::fold_references(&backend).await?;
    backend::patients::index_names(&backend).await?;
    Ok(backend)
}

fn refuse_wrong_key(wrong: Option<WhichKey>) -> Result<(), SetupError> {
    wrong.map_or(Ok(()), |which| Err(SetupError::WrongKey(setting_of(which))))
}

fn setting_of(which: WhichKey) -> &'static str {
    match which {
        WhichKey::Master => "HELIOGRAPH_MASTER_KEY",
        WhichKey::Phone => "PHONE_HASH_KEY",
    }
}

/// On the very first start: an organisation to begin with, and the one-time link of its admin. `None` later.
///
/// # Errors
/// When the database cannot take it; `Invalid` for an address that is none, before anything is made: nobody would be let in.
pub async fn first_admin(config: &Config, backend: &Backend) -> backend::Result<Option<String>> {
    if backend::organisations::any(backend).await? {
        return Ok(None);
    }
    if !backend::staff::is_email(&config.admin_email) {
        let problem = "Write an e-mail address, for example admin@clinic.example.";
        return Err(backend::Error::invalid("HELIOGRAPH_ADMIN_EMAIL", problem));
    }
    let org = backend::organisations::create(backend, "My clinic", Country::AU).await?;
    let invitation = backend::staff::add(backend, org, &config.admin_email, "Admin", Role::Admin).await?;
    Ok(invitation.link())
}

/// The data folder and, with SQLite, an empty database in it that only its owner may read, also where the folder
/// is open to others.
fn prepare_data(config: &Config) -> Result<(), SetupError> {
    make_private_folder(&config.data)
        .map_err(|cause| SetupError::Data { folder: config.data.clone(), cause })?;
    let Some(file) = sqlite_file(config.database_url.expose()) else { return Ok(()) };
    let is_new = match std::fs::metadata(file) {
        Ok(facts) => facts.len() == 0,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    for key in [&config.master_key, &config.phone_key] {
        // We make a key only once there is a database.
        if let KeySource::Own(key) = key
            && is_new
            && key.exists()
        {
            return Err(SetupError::DatabaseLost { file: file.to_owned(), key: key.clone() });
        }
    }
    match make_private_file(file) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => {
            Err(SetupError::Database { file: file.to_owned(), cause })
        }
        _ => Ok(()),
    }
}

pub(crate) async fn open_blobs(place: &BlobPlace) -> Result<Blobs, BlobError> {
    match place {
        BlobPlace::Folder(folder) => Blobs::folder(folder).await,
        BlobPlace::S3 { bucket, region, credentials, endpoint, folder } => {
            let credentials =
                credentials.as_ref().map(|(id, secret)| (id.clone(), secret.expose().to_owned()));
            Blobs::s3(S3Settings {
                bucket: bucket.clone(),
                region: region.clone(),
                credentials,
                endpoint: endpoint.clone(),
                folder: folder.clone(),
            })
            .await
        }
    }
}

struct Key<'a> {
    which: WhichKey,
    source: &'a KeySource,
    bytes: [u8; 32],
    is_new: bool,
}

impl<'a> Key<'a> {
    fn load(which: WhichKey, source: &'a KeySource) -> Result<Self, SetupError> {
        let kept =
            source.load().map_err(|cause| SetupError::KeyFile { setting: setting_of(which), cause })?;
        Ok(Self { which, source, bytes: kept.unwrap_or_else(random_bytes), is_new: kept.is_none() })
    }

    /// A new key beside old data would make that data unreadable without a word.
    async fn refuse_if_lost(&self, backend: &Backend) -> Result<(), SetupError> {
        match self.source {
            KeySource::Own(path) if self.is_new && backend::organisations::any(backend).await? => {
                Err(SetupError::KeyLost(path.clone()))
            }
            _ => Ok(()),
        }
    }

    fn keep_if_new(&self) -> Result<(), SetupError> {
        if !self.is_new {
            return Ok(());
        }
        let setting = setting_of(self.which);
        self.source.keep(&self.bytes).map_err(|cause| SetupError::KeyFile { setting, cause })
    }
}
