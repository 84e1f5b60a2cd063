//! Passwords, sessions and one-time links.

mod own_password;

pub use own_password::change_password;

use crate::clock::{millis, random_token};
use crate::keys::Purpose;
use crate::store::{Tx, Value, args};
use crate::{Backend, Caller, Error, Result, organisations};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use model::staff::{MIN_PASSWORD_CHARS, Me, Organisation, Role};
use model::{Failure, FailureCode, Millis, OrgId, StaffId};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

/// A session ends this long after it began.
const SESSION: Duration = Duration::from_secs(14 * 24 * 3600);

/// A one-time link holds this long.
const ONE_TIME_LINK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Failed attempts are counted over this long.
const ATTEMPT_WINDOW: Duration = Duration::from_secs(15 * 60);

/// Failures in the window after which an address has to wait.
const ATTEMPTS_PER_EMAIL: i64 = 10;

/// Failures in the window after which a network address has to wait; a clinic shares one.
const ATTEMPTS_PER_SOURCE: i64 = 30;

/// Characters a password has at most: hashing must not become a way to keep the server busy.
const MAX_PASSWORD_CHARS: usize = 1000;

/// Passwords that are hashed side by side: each takes 19 MiB, and guessing must not use the server up.
static HASHING: Semaphore = Semaphore::const_new(3);

/// Whoever is noted waits no longer for it.
const NOTED_WITHIN: Duration = Duration::from_millis(500);

/// `last_seen_at` is written at most this often.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// A session's secret, for the cookie. The store keeps its hash.
pub struct NewSession {
    /// The cookie's value.
    pub token: String,
    /// When it ends.
    pub expires_at: Millis,
}

/// Signs in with e-mail and password, into the organisation that the person was last seen in. `from` is the caller's
/// network address, for limiting attempts.
///
/// # Errors
/// `Invalid` without telling whether the address is known; `TooManyRequests` after ten failures in fifteen
/// minutes for an address or thirty from a network address.
pub async fn sign_in(backend: &Backend, email: &str, password: &str, from: &str) -> Result<NewSession> {
    let email = fold_email(email);
    let attempt = Attempt::begin(backend, &email, from).await?;
    #[derive(sqlx::FromRow)]
    struct Row {
        id: Uuid,
        password_hash: Option<String>,
        org_id: Uuid,
    }
    let mut tx = backend.store.read().await?;
    let row: Option<Row> = tx
        .one(
            "SELECT s.id, s.password_hash, m.org_id FROM staff s JOIN membership m ON m.staff_id = s.id
             WHERE s.email = $1 AND m.disabled_at IS NULL
             ORDER BY COALESCE(m.last_seen_at, 0) DESC, m.created_at, m.org_id LIMIT 1",
            args![&email],
        )
        .await?;
    drop(tx);
    let known = row.as_ref().and_then(|row| row.password_hash.clone());
    let fits = verify_password(password.to_owned(), known).await?;
    let (Some(row), true) = (row, fits) else {
        return Err(Error::invalid(
            "password",
            "The e-mail address and the password do not belong together.",
        ));
    };
    let mut tx = backend.store.write().await?;
    attempt.forget(&mut tx).await?;
    let session = start_session(backend, &mut tx, row.id.into(), row.org_id.into()).await?;
    tx.commit().await?;
    Ok(session)
}

/// One try at a password. It counts as failed from its beginning, so that tries that run side by side count each other.
struct Attempt {
    id: Uuid,
    email: Vec<u8>,
    /// What happened before is not counted any more.
    since: Millis,
}

impl Attempt {
    /// # Errors
    /// `TooManyRequests`; what is refused is neither verified nor counted.
    async fn begin(backend: &Backend, email: &str, from: &str) -> Result<Self> {
        let now = backend.clock.now();
        let attempt = Self {
            id: backend.clock.new_id(),
            email: backend.keys.hash(Purpose::SignInAttempt, &format!("email {email}")),
            since: now - millis(ATTEMPT_WINDOW),
        };
        let subjects = [
            (attempt.email.clone(), ATTEMPTS_PER_EMAIL),
            (backend.keys.hash(Purpose::SignInAttempt, &format!("from {from}")), ATTEMPTS_PER_SOURCE),
        ];
        let mut tx = backend.store.write().await?;
        Self::one_at_a_time(&mut tx).await?;
        for (subject, allowed) in subjects {
            // Of as many as are allowed, the first: once it is no longer counted, there is room for another one.
            let first: Option<(i64,)> = tx
                .one(
                    "SELECT at FROM sign_in_attempt WHERE subject_hash = $1 AND at > $2
                     ORDER BY at DESC LIMIT 1 OFFSET $3",
                    args![subject.as_slice(), attempt.since, allowed - 1],
                )
                .await?;
            if let Some((first,)) = first {
                let wait = Duration::from_millis(u64::try_from(first - attempt.since).unwrap_or(0));
                let words =
                    "Too many attempts. Wait fifteen minutes, or ask an admin for a new sign-in link.";
                return Err(Failure::too_often(words, wait).into());
            }
            tx.execute(
                "INSERT INTO sign_in_attempt (subject_hash, at, attempt_id) VALUES ($1, $2, $3)",
                args![subject, now, attempt.id],
            )
            .await?;
        }
        tx.commit().await?;
        Ok(attempt)
    }

    /// The password was right: neither this attempt nor earlier ones at the address count any more.
    async fn forget(self, tx: &mut Tx) -> Result<()> {
        Self::one_at_a_time(tx).await?;
        tx.execute(
            "DELETE FROM sign_in_attempt WHERE subject_hash = $1 OR attempt_id = $2 OR at <= $3",
            args![self.email, self.id, self.since],
        )
        .await?;
        Ok(())
    }

    /// SQLite has one writer; PostgreSQL must be told that counting and adding are one step.
    async fn one_at_a_time(tx: &mut Tx) -> Result<()> {
        if tx.is_postgres() {
            tx.execute("LOCK TABLE sign_in_attempt IN SHARE ROW EXCLUSIVE MODE", args![]).await?;
        }
        Ok(())
    }
}

/// The other organisations that the caller may work in, by name.
///
/// # Errors
/// `SignedOut` for a caller with an API token: it belongs to one organisation.
pub async fn elsewhere(backend: &Backend, caller: &Caller) -> Result<Vec<Organisation>> {
    let staff = person(caller)?;
    let mut tx = backend.store.read().await?;
    let rows: Vec<(Uuid, String, String, String)> = tx
        .all(
            "SELECT o.id, o.name, o.country, o.person_word
             FROM membership m JOIN organisation o ON o.id = m.org_id
             WHERE m.staff_id = $1 AND m.org_id <> $2 AND m.disabled_at IS NULL ORDER BY o.name, o.id",
            args![staff, caller.org_id],
        )
        .await?;
    let organisation = |(id, name, country, person_word): (Uuid, _, _, _)| Organisation {
        id: id.into(),
        name,
        country,
        person_word,
    };
    Ok(rows.into_iter().map(organisation).collect())
}

/// Moves a session to another organisation that its person may work in.
///
/// # Errors
/// `NotFound` for an organisation where they may not; `SignedOut` where the session does not hold.
pub async fn switch(backend: &Backend, token: &str, to: OrgId) -> Result<()> {
    let caller = caller_by_session(backend, token).await?.ok_or_else(|| {
        Error::failure(FailureCode::SignedOut, "You are signed out. Sign in and try again.")
    })?;
    let staff = person(&caller)?;
    let now = backend.clock.now();
    let mut tx = backend.store.write().await?;
    // Seen there from now on, so that the next sign-in leads there as well.
    let works_there = tx
        .execute(
            "UPDATE membership SET last_seen_at = $3 WHERE org_id = $1 AND staff_id = $2 AND disabled_at IS NULL",
            args![to, staff, now],
        )
        .await?;
    if works_there == 0 {
        return Err(Error::not_found("organisation"));
    }
    tx.execute(
        "UPDATE session SET org_id = $2 WHERE token_hash = $1",
        args![backend.keys.hash(Purpose::Token, token), to],
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Ends a session; a token nobody knows ends nothing.
pub async fn sign_out(backend: &Backend, token: &str) -> Result<()> {
    let mut tx = backend.store.write().await?;
    tx.execute("DELETE FROM session WHERE token_hash = $1", args![backend.keys.hash(Purpose::Token, token)])
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Who a session's secret belongs to, if it holds.
pub async fn caller_by_session(backend: &Backend, token: &str) -> Result<Option<Caller>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        staff_id: Uuid,
        org_id: Uuid,
        role: String,
        last_seen_at: Option<i64>,
    }
    let now = backend.clock.now();
    let mut tx = backend.store.read().await?;
    let row: Option<Row> = tx
        .one(
            "SELECT s.staff_id, s.org_id, m.role, m.last_seen_at FROM session s
             JOIN membership m ON m.org_id = s.org_id AND m.staff_id = s.staff_id
             WHERE s.token_hash = $1 AND s.expires_at > $2 AND m.disabled_at IS NULL",
            args![backend.keys.hash(Purpose::Token, token), now],
        )
        .await?;
    drop(tx);
    let Some(row) = row else { return Ok(None) };
    if row.last_seen_at.is_none_or(|seen| seen < now - millis(SEEN_EVERY)) {
        let sql = "UPDATE membership SET last_seen_at = $3 WHERE org_id = $1 AND staff_id = $2";
        note_seen(backend, sql, args![row.org_id, row.staff_id, now]).await;
    }
    Ok(Some(Caller {
        org_id: row.org_id.into(),
        role: role(&row.role)?,
        staff_id: Some(row.staff_id.into()),
        token_id: None,
    }))
}

/// Notes that somebody is here. Whoever only reads is answered also while nothing can be written, or much is.
async fn note_seen(backend: &Backend, sql: &'static str, values: Vec<Value>) {
    let noted = async {
        let mut tx = backend.store.write().await?;
        tx.execute(sql, values).await?;
        tx.commit().await
    };
    match timeout(NOTED_WITHIN, noted).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "who is here could not be noted"),
        Err(_) => tracing::warn!("who is here could not be noted in time"),
    }
}

/// Who a bearer token belongs to, if it holds.
pub async fn caller_by_api_token(backend: &Backend, token: &str) -> Result<Option<Caller>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        id: Uuid,
        org_id: Uuid,
        role: String,
        last_used_at: Option<i64>,
    }
    let now = backend.clock.now();
    let mut tx = backend.store.read().await?;
    let row: Option<Row> = tx
        .one(
            "SELECT id, org_id, role, last_used_at FROM api_token WHERE token_hash = $1 AND revoked_at IS NULL",
            args![backend.keys.hash(Purpose::Token, token)],
        )
        .await?;
    drop(tx);
    let Some(row) = row else { return Ok(None) };
    if row.last_used_at.is_none_or(|used| used < now - millis(SEEN_EVERY)) {
        note_seen(backend, "UPDATE api_token SET last_used_at = $2 WHERE id = $1", args![row.id, now]).await;
    }
    Ok(Some(Caller {
        org_id: row.org_id.into(),
        role: role(&row.role)?,
        staff_id: None,
        token_id: Some(row.id.into()),
    }))
}

/// What the page shows about the person who is signed in.
///
/// # Errors
/// `SignedOut` for a caller with an API token: it is no person.
pub async fn me(backend: &Backend, caller: &Caller) -> Result<Me> {
    let staff_id = person(caller)?;
    let organisation = organisations::get(backend, caller).await?;
    let mut tx = backend.store.read().await?;
    let row: Option<(String, String)> =
        tx.one("SELECT name, email FROM staff WHERE id = $1", args![staff_id]).await?;
    let (name, email) = row.ok_or(Error::Inconsistent("a session without a person"))?;
    Ok(Me { staff_id, name, email, role: caller.role, organisation })
}

/// Who makes a one-time link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MadeBy {
    /// An admin of the one organisation that the person works in.
    Admin,
    /// The operator, on the server itself.
    Operator,
}

/// Makes a one-time link for a member of staff and answers its full URL (`{APP_URL}/welcome/{token}`). It holds for
/// seven days.
pub(crate) async fn make_one_time_link(
    backend: &Backend,
    tx: &mut Tx,
    org: OrgId,
    staff: StaffId,
    by: MadeBy,
) -> Result<String> {
    let token = random_token();
    let now = backend.clock.now();
    tx.execute(
        "INSERT INTO one_time_link (token_hash, org_id, staff_id, created_at, expires_at, by_operator)
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![
            backend.keys.hash(Purpose::Token, &token),
            org,
            staff,
            now,
            now + millis(ONE_TIME_LINK),
            by == MadeBy::Operator
        ],
    )
    .await?;
    Ok(format!("{}/welcome/{token}", backend.settings.app_url.as_str().trim_end_matches('/')))
}

/// Whether a person also belongs to another organisation, whose admins have a say in their password then. Also where
/// they are disabled: enabling them again must not hand that organisation over.
pub(crate) async fn belongs_elsewhere(tx: &mut Tx, org: OrgId, staff: StaffId) -> Result<bool> {
    let others = tx
        .number("SELECT COUNT(*) FROM membership WHERE staff_id = $2 AND org_id <> $1", args![org, staff])
        .await?;
    Ok(others > 0)
}

/// Whom a one-time link invites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// Their name.
    pub name: String,
    /// What they will sign in with.
    pub email: String,
    /// Where they will work.
    pub organisation: String,
}

/// Reads a one-time link without using it up.
///
/// # Errors
/// `NotFound` when it was used or has expired, `Conflict` when it may not set the person's password (any more).
pub async fn read_one_time_link(backend: &Backend, token: &str) -> Result<Welcome> {
    let mut tx = backend.store.read().await?;
    Ok(OneTimeLink::open(backend, &mut tx, token).await?.welcome)
}

/// Uses a one-time link: sets the password, ends every other session of the person, and signs in.
///
/// # Errors
/// As [`read_one_time_link`], and `Invalid` for a password that is too short.
pub async fn use_one_time_link(backend: &Backend, token: &str, password: &str) -> Result<NewSession> {
    read_one_time_link(backend, token).await?;
    let hash = hash_password(password).await?;
    let now = backend.clock.now();
    let mut tx = backend.store.write().await?;
    let OneTimeLink { org, staff, .. } = OneTimeLink::open(backend, &mut tx, token).await?;
    // Of two that use it at the same moment, one finds nothing left.
    let used = tx
        .execute(
            "UPDATE one_time_link SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL",
            args![backend.keys.hash(Purpose::Token, token), now],
        )
        .await?;
    if used == 0 {
        return Err(used_up());
    }
    // Older links to the same person lose their power with the first one used.
    tx.execute(
        "UPDATE one_time_link SET used_at = $2 WHERE staff_id = $1 AND used_at IS NULL",
        args![staff, now],
    )
    .await?;
    tx.execute("UPDATE staff SET password_hash = $2 WHERE id = $1", args![staff, hash]).await?;
    tx.execute("DELETE FROM session WHERE staff_id = $1", args![staff]).await?;
    let session = start_session(backend, &mut tx, staff, org).await?;
    tx.commit().await?;
    Ok(session)
}

/// A one-time link that holds.
struct OneTimeLink {
    org: OrgId,
    staff: StaffId,
    welcome: Welcome,
}

impl OneTimeLink {
    async fn open(backend: &Backend, tx: &mut Tx, token: &str) -> Result<Self> {
        #[derive(sqlx::FromRow)]
        struct Row {
            org_id: Uuid,
            staff_id: Uuid,
            by_operator: bool,
            name: String,
            email: String,
            organisation: String,
        }
        let row: Option<Row> = tx
            .one(
                "SELECT l.org_id, l.staff_id, l.by_operator, s.name, s.email, o.name AS organisation
                 FROM one_time_link l
                 JOIN staff s ON s.id = l.staff_id JOIN organisation o ON o.id = l.org_id
                 JOIN membership m ON m.org_id = l.org_id AND m.staff_id = l.staff_id
                 WHERE l.token_hash = $1 AND l.used_at IS NULL AND l.expires_at > $2 AND m.disabled_at IS NULL",
                args![backend.keys.hash(Purpose::Token, token), backend.clock.now()],
            )
            .await?;
        let row = row.ok_or_else(used_up)?;
        let (org, staff) = (row.org_id.into(), row.staff_id.into());
        if !row.by_operator && belongs_elsewhere(tx, org, staff).await? {
            return Err(Error::failure(
                FailureCode::Conflict,
                "You also work in another organisation on this server, so this link cannot set your password. Sign \
                 in with the password you have, or ask the operator of the server for a link.",
            ));
        }
        let welcome = Welcome { name: row.name, email: row.email, organisation: row.organisation };
        Ok(Self { org, staff, welcome })
    }
}

/// The stored form of an e-mail address.
pub(crate) fn fold_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// The role under its stored word.
pub(crate) fn role(word: &str) -> Result<Role> {
    Role::from_word(word).ok_or(Error::Inconsistent("a role that is no role"))
}

fn person(caller: &Caller) -> Result<StaffId> {
    caller.staff_id.ok_or_else(|| {
        Error::failure(FailureCode::SignedOut, "Sign in as a person; an API token has no page of its own.")
    })
}

async fn start_session(backend: &Backend, tx: &mut Tx, staff: StaffId, org: OrgId) -> Result<NewSession> {
    let token = random_token();
    let now = backend.clock.now();
    let expires_at = now + millis(SESSION);
    tx.execute("DELETE FROM session WHERE expires_at <= $1", args![now]).await?;
    tx.execute(
        "INSERT INTO session (token_hash, staff_id, org_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        args![backend.keys.hash(Purpose::Token, &token), staff, org, now, expires_at],
    )
    .await?;
    Ok(NewSession { token, expires_at })
}

fn used_up() -> Error {
    Error::failure(
        FailureCode::NotFound,
        "This link was used already or has expired. Ask an admin for a new one, in Settings, Staff.",
    )
}

fn check_password(password: &str) -> Result<()> {
    let chars = password.chars().count();
    if !(MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS).contains(&chars) {
        return Err(Error::invalid(
            "password",
            format!("Choose a password of at least {MIN_PASSWORD_CHARS} characters."),
        ));
    }
    Ok(())
}

async fn hash_password(password: &str) -> Result<String> {
    check_password(password)?;
    let password = password.to_owned();
    off_the_runtime(move || {
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|_| Error::Inconsistent("a password did not hash"))
    })
    .await?
}

/// Compares in the time of a real comparison also where there is no hash, so that a stopwatch does not tell which
/// addresses are known.
async fn verify_password(password: String, hash: Option<String>) -> Result<bool> {
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGF0IGFsbA$Ni8Xm2O5XJbgDqnYPjnNbMTUuRYq8F0bAsnYZCCqVGo";
    off_the_runtime(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let fits = PasswordHash::new(&hash).is_ok_and(|hash| {
            password.chars().count() <= MAX_PASSWORD_CHARS
                && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        });
        known && fits
    })
    .await
}

async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let _turn = HASHING.acquire().await.map_err(|_| Error::Inconsistent("nobody closes the semaphore"))?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Inconsistent("hashing a password was interrupted"))
}
