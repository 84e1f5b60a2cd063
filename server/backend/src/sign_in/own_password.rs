//! Changing the password that one has.

use super::{
    Attempt, NewSession, caller_by_session, check_password, hash_password, person, start_session,
    verify_password,
};
use crate::store::args;
use crate::{Backend, Error, Result, audit};
use model::FailureCode;

/// Gives the person who is signed in another password and ends their sessions. `token` is the one that asks, in whose
/// place comes the one that is answered: whoever copied its secret is signed out too. `from` is the caller's network
/// address, for limiting attempts.
///
/// # Errors
/// `Invalid` names the field: `current_password`, or `password` for a new one that is too short; `TooManyRequests` as
/// for [`sign_in`](super::sign_in); `SignedOut` where the session does not hold.
pub async fn change_password(
    backend: &Backend,
    token: &str,
    current: &str,
    new: &str,
    from: &str,
) -> Result<NewSession> {
    let caller = caller_by_session(backend, token).await?.ok_or_else(|| {
        Error::failure(FailureCode::SignedOut, "You are signed out. Sign in and try again.")
    })?;
    let staff = person(&caller)?;
    check_password(new)?;
    let mut tx = backend.store.read().await?;
    let row: Option<(String, Option<String>)> =
        tx.one("SELECT email, password_hash FROM staff WHERE id = $1", args![staff]).await?;
    drop(tx);
    let (email, known) = row.ok_or(Error::Inconsistent("a session without a person"))?;
    // Whoever finds a screen unlocked must not be able to guess.
    let attempt = Attempt::begin(backend, &email, from).await?;
    if !verify_password(current.to_owned(), known.clone()).await? {
        return Err(wrong());
    }
    let hash = hash_password(new).await?;
    let now = backend.clock.now();
    let mut tx = backend.store.write().await?;
    attempt.forget(&mut tx).await?;
    let changed = tx
        .execute(
            "UPDATE staff SET password_hash = $2 WHERE id = $1 AND password_hash = $3",
            args![staff, hash, known],
        )
        .await?;
    if changed == 0 {
        // It was changed elsewhere at the same moment.
        return Err(wrong());
    }
    // Links that could set it once more lose their power.
    tx.execute(
        "UPDATE one_time_link SET used_at = $2 WHERE staff_id = $1 AND used_at IS NULL",
        args![staff, now],
    )
    .await?;
    tx.execute("DELETE FROM session WHERE staff_id = $1", args![staff]).await?;
    let session = start_session(backend, &mut tx, staff, caller.org_id).await?;
    audit::note(backend, &mut tx, &caller, "staff.change_password", "staff", Some(staff.0)).await?;
    tx.commit().await?;
    Ok(session)
}

fn wrong() -> Error {
    Error::invalid("current_password", "This is not your current password.")
}
