//! How much came and went, and what it cost. Days begin where the browser is, which it says in its cookies.

use super::Answer;
#[cfg(feature = "ssr")]
use super::{cookie, signed_in};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::comparison::Comparison;
use model::report::{GroupBy, Period, Report};

/// Messages of a period and their cost.
#[server(prefix = "/api/ui", endpoint = "reports/messages", input = Json)]
pub async fn messages(period: Period, group_by: GroupBy) -> Answer<Report> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::reports::messages(&backend, &caller, &period, group_by, &zone()).await?)
}

/// What each carrier asks, and the volumes of the last 30 days.
#[server(prefix = "/api/ui", endpoint = "reports/compare", input = Json)]
pub async fn compare() -> Answer<Comparison> {
    let (backend, caller) = signed_in().await?;
    Ok(backend::reports::comparison(&backend, &caller, &zone()).await?)
}

/// The browser's time zone by its name, or where the server does not know that one, by its offset.
#[cfg(feature = "ssr")]
fn zone() -> String {
    use crate::ui::time::{ZONE_COOKIE, ZONE_NAME_COOKIE};
    let by_name = cookie(ZONE_NAME_COOKIE);
    let by_offset = cookie(ZONE_COOKIE).and_then(|minutes| Some(offset(minutes.parse().ok()?)));
    let mut zones = by_name.into_iter().chain(by_offset);
    zones.find(|zone| backend::reports::is_zone(zone)).unwrap_or_else(|| "UTC".to_owned())
}

/// Minutes ahead of UTC as time zones without a name are written: `+10:30`.
#[cfg(feature = "ssr")]
fn offset(minutes: i64) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::offset;

    #[test]
    fn offsets_are_zones_too() {
        let zones = [0, 630, -570].map(offset);
        assert_eq!(zones, ["+00:00", "+10:30", "-09:30"]);
        assert!(zones.iter().all(|zone| backend::reports::is_zone(zone)));
    }
}
