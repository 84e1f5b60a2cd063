//! Values on their way into a query, and rows on their way out.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

/// A row type that both engines can fill: derive `sqlx::FromRow`.
pub(crate) trait Record:
    for<'r> sqlx::FromRow<'r, SqliteRow> + for<'r> sqlx::FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Record for T where
    T: for<'r> sqlx::FromRow<'r, SqliteRow> + for<'r> sqlx::FromRow<'r, PgRow> + Send + Unpin
{
}

/// A value of one of the column types that the schema uses. Absent values keep their type, which PostgreSQL needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Id(Option<Uuid>),
    Int(Option<i64>),
    Bool(Option<bool>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! from {
    ($($source:ty => |$value:ident| $target:expr),+ $(,)?) => {$(
        impl From<$source> for Value {
            fn from($value: $source) -> Self {
                $target
            }
        }
    )+};
}

from! {
    Uuid => |v| Self::Id(Some(v)),
    Option<Uuid> => |v| Self::Id(v),
    i64 => |v| Self::Int(Some(v)),
    i32 => |v| Self::Int(Some(v.into())),
    u32 => |v| Self::Int(Some(v.into())),
    u64 => |v| Self::Int(Some(i64::try_from(v).unwrap_or(i64::MAX))),
    usize => |v| Self::Int(Some(i64::try_from(v).unwrap_or(i64::MAX))),
    Option<i64> => |v| Self::Int(v),
    Option<u32> => |v| Self::Int(v.map(Into::into)),
    bool => |v| Self::Bool(Some(v)),
    &str => |v| Self::Text(Some(v.to_owned())),
    String => |v| Self::Text(Some(v)),
    &String => |v| Self::Text(Some(v.clone())),
    Option<String> => |v| Self::Text(v),
    Option<&str> => |v| Self::Text(v.map(ToOwned::to_owned)),
    Vec<u8> => |v| Self::Bytes(Some(v)),
    &[u8] => |v| Self::Bytes(Some(v.to_vec())),
    Option<Vec<u8>> => |v| Self::Bytes(v),
}

macro_rules! from_ids {
    ($($id:ident),+ $(,)?) => {$(
        impl From<model::$id> for Value {
            fn from(id: model::$id) -> Self {
                Self::Id(Some(id.0))
            }
        }
        impl From<Option<model::$id>> for Value {
            fn from(id: Option<model::$id>) -> Self {
                Self::Id(id.map(|id| id.0))
            }
        }
    )+};
}

from_ids!(
    OrgId,
    StaffId,
    ApiTokenId,
    LineId,
    LineAccountId,
    PatientId,
    NumberId,
    ConversationId,
    MessageId,
    TemplateId,
    ShareLinkId,
    DeliveryId,
    AttachmentId,
    PatientImageId,
    JournalEntryId,
    JobId,
);

/// The arguments of a query, for `$1`, `$2`, … in order: `args![org_id, now, "ready"]`.
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::store::Value::from($value)),*]
    };
}

pub(crate) use args;

/// `$first, $first+1, …` for a list of `count` values, for `IN (…)`; wrap the text in `sqlx::AssertSqlSafe`.
pub(crate) fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

/// How many of the rows that are left one statement takes: of a few sizes, so that the engine sees a handful of texts and
/// keeps them prepared, and any number of rows takes few statements.
pub(crate) fn rows_at_once(left: usize) -> usize {
    const SIZES: [usize; 13] = [128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2];
    SIZES.into_iter().find(|rows| *rows <= left).unwrap_or(1)
}

/// What a column holds, for rows that are read without a type of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    Int,
    Bool,
    Text,
    Bytes,
}

macro_rules! read {
    ($name:ident, $row:ty) => {
        /// A row's values, one for each kind.
        pub(super) fn $name(row: &$row, kinds: &[Kind]) -> Result<Vec<Value>, sqlx::Error> {
            use sqlx::Row;
            kinds
                .iter()
                .enumerate()
                .map(|(at, kind)| {
                    Ok(match kind {
                        Kind::Id => Value::Id(row.try_get(at)?),
                        Kind::Int => Value::Int(row.try_get(at)?),
                        Kind::Bool => Value::Bool(row.try_get(at)?),
                        Kind::Text => Value::Text(row.try_get(at)?),
                        Kind::Bytes => Value::Bytes(row.try_get(at)?),
                    })
                })
                .collect()
        }
    };
}

read!(sqlite_values, SqliteRow);
read!(postgres_values, PgRow);
