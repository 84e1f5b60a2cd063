//! The tenants.

use crate::{Backend, Caller, Result};
use model::OrgId;
use model::phone::Country;
use model::staff::Organisation;

/// Makes an organisation; the command line and the demo do.
pub async fn create(backend: &Backend, name: &str, country: Country) -> Result<OrgId> {
    unimplemented!()
}

/// Any organisation exists.
pub async fn any(backend: &Backend) -> Result<bool> {
    unimplemented!()
}

/// The caller's organisation.
pub async fn get(backend: &Backend, caller: &Caller) -> Result<Organisation> {
    unimplemented!()
}

/// Changes name, country and the word for its people.
pub async fn update(
    backend: &Backend,
    caller: &Caller,
    name: &str,
    country: &str,
    person_word: &str,
) -> Result<()> {
    unimplemented!()
}
