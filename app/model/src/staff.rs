//! Staff, their roles, and what each role may do.

use crate::{ApiTokenId, Millis, OrgId, StaffId};
use serde::{Deserialize, Serialize};

/// What a member of staff is trusted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything, changes nothing but what is read and unread.
    Viewer,
    /// Talks with patients and keeps their records.
    Staff,
    /// Also decides who works here, and keeps lines, tokens and settings.
    Admin,
}

crate::words::words!(Role { Viewer = "viewer", Staff = "staff", Admin = "admin" });

impl Role {
    /// The name to show.
    pub fn label(self) -> &'static str {
        match self {
            Self::Viewer => "Viewer",
            Self::Staff => "Staff",
            Self::Admin => "Admin",
        }
    }

    /// The one table of who may do what.
    pub fn may(self, permission: Permission) -> bool {
        let least = match permission {
            Permission::ReadConversations | Permission::ReadPatients | Permission::MarkRead => Self::Viewer,
            Permission::SendMessages
            | Permission::AssignConversations
            | Permission::EditPatients
            | Permission::FileImages
            | Permission::ReadReports => Self::Staff,
            Permission::DeleteImages
            | Permission::ManageStaff
            | Permission::ManageTokens
            | Permission::ManageLines
            | Permission::ManageOrganisation
            | Permission::ManageOperation => Self::Admin,
        };
        self >= least
    }
}

/// Something a caller wants to do. Every public method of the backend asks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See conversations, messages and their photos.
    ReadConversations,
    /// See patients and their images.
    ReadPatients,
    /// Mark a conversation read or unread.
    MarkRead,
    /// Send, retry, upload pictures to send.
    SendMessages,
    /// Say who looks after a conversation.
    AssignConversations,
    /// Make and change patients, link conversations to them.
    EditPatients,
    /// File photos in a record and change their category.
    FileImages,
    /// See how much was sent and received, and what it cost.
    ReadReports,
    /// Take a photo out of a record.
    DeleteImages,
    /// Invite, change roles, disable.
    ManageStaff,
    /// Make and revoke API tokens.
    ManageTokens,
    /// Add and change lines.
    ManageLines,
    /// Name, country and words of the organisation.
    ManageOrganisation,
    /// See what stands aside and put it back to work.
    ManageOperation,
}

impl Permission {
    /// All of them, for the table's test and its page in the docs.
    pub const ALL: [Self; 14] = [
        Self::ReadConversations,
        Self::ReadPatients,
        Self::MarkRead,
        Self::SendMessages,
        Self::AssignConversations,
        Self::EditPatients,
        Self::FileImages,
        Self::ReadReports,
        Self::DeleteImages,
        Self::ManageStaff,
        Self::ManageTokens,
        Self::ManageLines,
        Self::ManageOrganisation,
        Self::ManageOperation,
    ];
}

/// Who is signed in, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// The person.
    pub staff_id: StaffId,
    /// As they wish to be called.
    pub name: String,
    /// What they sign in with.
    pub email: String,
    /// In this organisation.
    pub role: Role,
    /// The organisation they work in now.
    pub organisation: Organisation,
}

/// The tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Organisation {
    /// The organisation.
    pub id: OrgId,
    /// Its name, as patients know it.
    pub name: String,
    /// Where national numbers are read: ISO 3166-1 alpha-2.
    pub country: String,
    /// What it calls one of its people: patient, member, client.
    pub person_word: String,
}

/// A member of staff in Settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StaffView {
    /// The person.
    pub id: StaffId,
    /// As they wish to be called.
    pub name: String,
    /// What they sign in with.
    pub email: String,
    /// What they are trusted with.
    pub role: Role,
    /// Cannot sign in.
    pub disabled: bool,
    /// Invited, has not chosen a password yet.
    pub invited: bool,
    /// When they were last seen.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub last_seen_at: Option<Millis>,
}

/// What came of inviting a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invitation {
    /// They are new: whoever opens this one-time link chooses their password.
    Link(String),
    /// The server knows them from another organisation: they sign in with the password they have.
    Known,
}

impl Invitation {
    /// The one-time link, where there is one.
    pub fn link(self) -> Option<String> {
        match self {
            Self::Link(link) => Some(link),
            Self::Known => None,
        }
    }
}

/// A bearer token in Settings; the secret itself is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiTokenView {
    /// The token.
    pub id: ApiTokenId,
    /// What it is for.
    pub name: String,
    /// What it is trusted with.
    pub role: Role,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub created_at: Millis,
    /// When it was last used.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub last_used_at: Option<Millis>,
}

/// Characters a password has at least.
pub const MIN_PASSWORD_CHARS: usize = 12;

#[cfg(test)]
mod tests {
    use super::{Permission, Role};

    #[test]
    fn a_higher_role_may_all_that_a_lower_one_may() {
        for permission in Permission::ALL {
            for pair in Role::ALL.windows(2) {
                assert!(!pair[0].may(permission) || pair[1].may(permission), "{permission:?}");
            }
            assert!(Role::Admin.may(permission), "{permission:?}");
        }
    }

    #[test]
    fn a_viewer_changes_nothing_a_patient_could_notice() {
        for permission in [Permission::SendMessages, Permission::EditPatients, Permission::FileImages] {
            assert!(!Role::Viewer.may(permission));
            assert!(Role::Staff.may(permission));
        }
    }

    #[test]
    fn what_it_costs_is_for_those_who_send() {
        assert!(Role::Admin.may(Permission::ReadReports) && Role::Staff.may(Permission::ReadReports));
        assert!(!Role::Viewer.may(Permission::ReadReports));
    }
}
