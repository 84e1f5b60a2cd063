//! Whether the server's keys are those that its database was written with.
//!
//! A wrong key would go unnoticed at first: new rows would be written under it, numbers that are known would be made
//! anew, and nothing of before could be opened. So the database keeps a hash of a constant under each key.

use crate::keys::{Purpose, WhichKey};
use crate::store::{Tx, args};
use crate::{Backend, Result};

/// The key that is not the one of before, if there is such a one. Nothing is known of a database without data.
pub async fn wrong_key(backend: &Backend) -> Result<Option<WhichKey>> {
    let mut tx = backend.store.read().await?;
    find_wrong_key(backend, &mut tx).await
}

/// Notes the keys of a database that does not know its own yet. Answers as [`wrong_key`]: another process may have been
/// the first.
pub async fn note_keys(backend: &Backend) -> Result<Option<WhichKey>> {
    // A process that starts beside others writes nothing, mostly: it does not wait for them.
    let mut look = backend.store.read().await?;
    let canaries = backend.keys.canaries();
    if look.number("SELECT COUNT(*) FROM key_canary", args![]).await? >= canaries.len() as i64 {
        return find_wrong_key(backend, &mut look).await;
    }
    drop(look);
    let mut tx = backend.store.write().await?;
    for (which, hash) in backend.keys.canaries() {
        tx.execute(
            "INSERT INTO key_canary (name, hash) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            args![which.as_str(), hash],
        )
        .await?;
    }
    let wrong = find_wrong_key(backend, &mut tx).await?;
    tx.commit().await?;
    Ok(wrong)
}

async fn find_wrong_key(backend: &Backend, tx: &mut Tx) -> Result<Option<WhichKey>> {
    for (which, hash) in backend.keys.canaries() {
        let noted: Option<(Vec<u8>,)> =
            tx.one("SELECT hash FROM key_canary WHERE name = $1", args![which.as_str()]).await?;
        let fits = match noted {
            Some((noted,)) => noted == hash,
            None => fits_a_number(backend, tx, which).await?,
        };
        if !fits {
            return Ok(Some(which));
        }
    }
    Ok(None)
}

/// Tries a key on a number, where an older version wrote the database and noted nothing.
async fn fits_a_number(backend: &Backend, tx: &mut Tx, which: WhichKey) -> Result<bool> {
    let row: Option<(Vec<u8>, Vec<u8>)> =
        tx.one("SELECT hash, address_sealed FROM number ORDER BY id LIMIT 1", args![]).await?;
    let Some((hash, sealed)) = row else { return Ok(true) };
    let opened = backend.keys.open(Purpose::Number, &sealed);
    Ok(match (which, opened) {
        (WhichKey::Master, opened) => opened.is_ok(),
        (WhichKey::Phone, Ok(address)) => {
            backend.keys.hash_address(&String::from_utf8_lossy(&address)) == hash
        }
        // The master key is the wrong one, and was found to be so.
        (WhichKey::Phone, Err(_)) => true,
    })
}
