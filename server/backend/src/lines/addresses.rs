//! Where webhooks may come from, for carriers that sign nothing.

use crate::{Error, Result};
use ipnet::IpNet;
use std::net::IpAddr;

/// Addresses and networks that were written down at most.
const MOST: usize = 50;

/// Network addresses; an empty list is any.
#[derive(Debug, Default)]
pub(crate) struct AddressList(Vec<IpNet>);

impl AddressList {
    /// As staff write it: single addresses, and networks with their length behind a slash.
    ///
    /// # Errors
    /// `Invalid` names the entry that is neither.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let entries: Vec<&str> =
            text.split([' ', ',', ';', '\n', '\t']).filter(|entry| !entry.is_empty()).collect();
        if entries.len() > MOST {
            return Err(Error::invalid("addresses", format!("At most {MOST} addresses can be kept.")));
        }
        entries.into_iter().map(read).collect::<Result<_>>().map(Self)
    }

    /// As it is kept.
    pub(super) fn stored(text: Option<&str>) -> Result<Self> {
        Self::parse(text.unwrap_or_default())
            .map_err(|_| Error::Inconsistent("an address list of no addresses"))
    }

    /// As it is kept; absent for any.
    pub(super) fn to_store(&self) -> Option<String> {
        let entries: Vec<String> = self.0.iter().map(shown).collect();
        Some(entries.join(" ")).filter(|text| !text.is_empty())
    }

    /// Whether a webhook may come from there. Of one whose address is not known nobody can say so.
    pub(crate) fn allows(&self, client: Option<IpAddr>) -> bool {
        let within = |client: IpAddr| self.0.iter().any(|net| net.contains(&client.to_canonical()));
        self.0.is_empty() || client.is_some_and(within)
    }
}

fn read(entry: &str) -> Result<IpNet> {
    let net = entry.parse::<IpNet>().ok().or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from));
    net.map(|net| net.trunc()).ok_or_else(|| {
        Error::invalid(
            "addresses",
            format!("“{entry}” is no address. Write addresses such as 203.0.113.7, or networks such as 203.0.113.0/24."),
        )
    })
}

fn shown(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn what_is_written_down_is_what_passes() {
        let list = AddressList::parse("203.0.113.7, 198.51.100.9/24\n2001:db8::/32").unwrap();
        assert_eq!(list.to_store().unwrap(), "203.0.113.7 198.51.100.0/24 2001:db8::/32");
        let allows = |address: &str| list.allows(Some(address.parse().unwrap()));
        for inside in ["203.0.113.7", "198.51.100.200", "2001:db8::1", "::ffff:203.0.113.7"] {
            assert!(allows(inside), "{inside}");
        }
        for outside in ["203.0.113.8", "198.51.101.1", "2001:db9::1"] {
            assert!(!allows(outside), "{outside}");
        }
        assert!(!list.allows(None));
        assert!(AddressList::default().allows(None) && AddressList::default().to_store().is_none());
        for wrong in ["clinic.example", "203.0.113.0/33", "203.0.113"] {
            assert!(AddressList::parse(wrong).is_err(), "{wrong}");
        }
    }
}
