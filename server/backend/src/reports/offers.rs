//! What each carrier asks, to hold against each other.

use super::cells::{self, Cell};
use super::days::Days;
use crate::lines;
use crate::store::{Tx, args};
use crate::{Backend, Caller, Result, organisations, share_links};
use model::comparison::{Comparison, Offer, Volumes};
use model::line::ProviderKind;
use model::message::{Channel, Direction};
use model::phone::Country;
use model::report::Period;
use model::staff::Permission;
use model::{LineAccountId, OrgId};
use providers::Provider;
use uuid::Uuid;

/// What the organisation's carriers ask, and the others as far as they publish it; with the volumes of the last 30 days.
pub async fn comparison(backend: &Backend, caller: &Caller, zone: &str) -> Result<Comparison> {
    caller.require(Permission::ReadReports)?;
    let days = Days::of(&Period::Last30Days, zone, backend.clock.now())?;
    let mut tx = backend.store.read().await?;
    let cells = cells::load(&mut tx, caller.org_id, &days).await?;
    let mut offers = of_lines(backend, &mut tx, caller.org_id).await?;
    let country = organisations::country(&mut tx, caller.org_id).await?;
    for provider in ProviderKind::ALL {
        // The simulator is no carrier that one could go to.
        if provider == ProviderKind::Simulator || offers.iter().any(|offer| offer.provider == provider) {
            continue;
        }
        let carrier = providers::for_kind(provider);
        let sends_mms = sends_mms(carrier, country);
        offers.push(Offer {
            provider,
            lines: Vec::new(),
            tariff: carrier.published_tariff(country),
            by_contract: false,
            sends_mms,
            mms_elsewhere: !sends_mms && knows_mms(carrier),
        });
    }
    let link_parts = share_links::parts_of_invitation(backend, &mut tx, caller.org_id).await?;
    Ok(Comparison { volumes: volumes(&cells), link_parts, offers })
}

/// One for each carrier of the organisation's lines, or several where it has several contracts.
async fn of_lines(backend: &Backend, tx: &mut Tx, org: OrgId) -> Result<Vec<Offer>> {
    let accounts: Vec<(Uuid, String, bool)> = tx
        .all(
            "SELECT a.id, l.name, a.tariff IS NOT NULL FROM line_account a JOIN line l ON l.id = a.line_id
             WHERE a.org_id = $1 AND a.disabled_at IS NULL AND l.disabled_at IS NULL
             ORDER BY l.is_default DESC, l.id, a.id",
            args![org],
        )
        .await?;
    let mut offers = Vec::<Offer>::new();
    for (account, line, by_contract) in accounts {
        let Some(route) = lines::route_in(backend, tx, LineAccountId(account), None).await? else { continue };
        let carrier = providers::for_kind(route.provider);
        let country = route.account.sender.country();
        let sends_mms = country.is_some_and(|country| sends_mms(carrier, country));
        let offer = Offer {
            provider: route.provider,
            lines: Vec::new(),
            tariff: route.tariff(),
            by_contract,
            sends_mms,
            mms_elsewhere: !sends_mms && knows_mms(carrier),
        };
        match offers.iter_mut().find(|known| are_alike(known, &offer)) {
            Some(same) => same.lines.push(line),
            None => offers.push(Offer { lines: vec![line], ..offer }),
        }
    }
    Ok(offers)
}

/// Whatever lines they are for.
fn are_alike(one: &Offer, other: &Offer) -> bool {
    one.provider == other.provider
        && one.tariff == other.tariff
        && one.by_contract == other.by_contract
        && one.sends_mms == other.sends_mms
}

fn sends_mms(carrier: &dyn Provider, country: Country) -> bool {
    let countries = carrier.limits().mms_countries;
    knows_mms(carrier) && (countries.is_empty() || countries.contains(&country.code().as_str()))
}

/// With numbers of whichever country.
fn knows_mms(carrier: &dyn Provider) -> bool {
    carrier.limits().media_per_request > 0
}

fn volumes(cells: &[Cell]) -> Volumes {
    let of = |channel: Channel, direction: Direction| {
        let same = cells.iter().filter(|cell| cell.channel == channel && cell.direction == direction);
        u32::try_from(same.map(|cell| cell.parts).sum::<u64>()).unwrap_or(u32::MAX)
    };
    Volumes {
        sms: of(Channel::Sms, Direction::Outbound),
        mms: of(Channel::Mms, Direction::Outbound),
        sms_in: of(Channel::Sms, Direction::Inbound),
        mms_in: of(Channel::Mms, Direction::Inbound),
    }
}
