//! Which addresses may be called at all.

use super::HttpError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use url::{Host, Url};

/// Where the simulated carrier lives below this server's own address, where it is called back, and where it fetches
/// the pictures that it is to deliver.
const SIMULATED: [&str; 3] = ["/simulator/", "/webhooks/simulator/", "/media/"];

/// Which private addresses may be reached all the same.
#[derive(Debug, Clone, Default)]
pub struct Netguard {
    /// As `host:port`, for example `127.0.0.1:3000` or `[::1]:3000`, the port always written out. Empty in production;
    /// tests set it.
    pub allowed_private: HashSet<String>,
    /// This server's own public address. It may be private, above all where Heliograph is tried out, and the simulated
    /// carrier lives there, so that its calls, and no others, reach it: the same scheme, host and port, and the three
    /// folders that the simulation needs. Nothing makes such a call but a line of that carrier. A URL that anyone else
    /// chose is judged as if this were not set, and so is every other port of the same host.
    pub own: Option<Url>,
}

/// On whose account a URL is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// Anybody's.
    Any,
    /// The simulated carrier's.
    Simulated,
}

/// How far a URL is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Only public addresses, checked again after DNS.
    Public,
    /// Named in [`Netguard::allowed_private`], or the simulated carrier's: any address, and without TLS.
    AllowedPrivate,
}

impl Netguard {
    /// Judges a URL before anything is resolved: scheme, embedded credentials, a literal address.
    pub(super) fn judge(&self, url: &Url, errand: Errand) -> Result<Reach, HttpError> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(HttpError::Forbidden);
        };
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some()
        {
            return Err(HttpError::Forbidden);
        }
        let allowed = self.allowed_private.contains(&format!("{host}:{port}"));
        if allowed || errand == Errand::Simulated && self.is_simulated(url) {
            return Ok(Reach::AllowedPrivate);
        }
        // The connector never asks the resolver about a literal address, so it is checked here. The URL
        // parser has already turned spellings such as `0x7f.1` or `2130706433` into one of these.
        let public = match host {
            Host::Ipv4(address) => is_public(IpAddr::V4(address)),
            Host::Ipv6(address) => is_public(IpAddr::V6(address)),
            Host::Domain(_) => true,
        };
        if public { Ok(Reach::Public) } else { Err(HttpError::Forbidden) }
    }

    fn is_simulated(&self, url: &Url) -> bool {
        let own = self.own.as_ref().is_some_and(|own| own.origin() == url.origin());
        own && SIMULATED.iter().any(|folder| url.path().starts_with(folder))
    }

    /// Judges a redirect. `true` when credentials may go along: the same scheme, host and port.
    pub(super) fn judge_hop(&self, from: &Url, to: &Url, errand: Errand) -> Result<bool, HttpError> {
        let reach = self.judge(to, errand)?;
        let downgrade = from.scheme() == "https" && to.scheme() == "http";
        if downgrade && reach != Reach::AllowedPrivate {
            return Err(HttpError::Forbidden);
        }
        Ok(from.origin() == to.origin())
    }
}

/// Resolves names and hides every address that is not public, so that a name cannot lead inside.
pub(super) struct PublicOnly;

/// All addresses of a name are private.
#[derive(Debug, thiserror::Error)]
#[error("no public address")]
pub(super) struct NoPublicAddress;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<_> = found.iter().copied().filter(|a| is_public(a.ip())).collect();
            if public.is_empty() && !found.is_empty() {
                return Err(NoPublicAddress.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is reachable from anywhere, by the IANA special-purpose registries.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..]
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // NAT64: on a network without IPv4 of its own every public IPv4 host appears like this.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        // Protocol assignments with Teredo, documentation, 6to4, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast; everything outside it is loopback, local, mapped, multicast or unassigned.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::{Errand, Netguard, Reach, is_public};
    use crate::HttpError;
    use url::Url;

    #[test]
    fn a_redirect_keeps_credentials_on_its_own_host_and_never_leaves_tls() {
        let guard = Netguard { allowed_private: ["127.0.0.1:3000".to_owned()].into(), ..Netguard::default() };
        let hop = |from: &str, to: &str| guard.judge_hop(&url(from), &url(to), Errand::Any);
        assert_eq!(hop("https://a.example.com/x", "https://a.example.com/y"), Ok(true));
        assert_eq!(hop("https://a.example.com/x", "https://a.example.com:443/y"), Ok(true));
        assert_eq!(hop("https://a.example.com/x", "https://a.example.com:8443/y"), Ok(false));
        assert_eq!(hop("https://a.example.com/x", "https://b.example.com/y"), Ok(false));
        assert_eq!(hop("http://a.example.com/x", "https://a.example.com/y"), Ok(false));
        assert_eq!(hop("https://a.example.com/x", "http://a.example.com/y"), Err(HttpError::Forbidden));
        assert_eq!(hop("https://a.example.com/x", "http://127.0.0.1:3000/y"), Ok(false));
        assert_eq!(hop("https://a.example.com/x", "http://127.0.0.1:3001/y"), Err(HttpError::Forbidden));
        assert_eq!(hop("https://a.example.com/x", "ftp://a.example.com/y"), Err(HttpError::Forbidden));
    }

    #[test]
    fn only_the_simulated_carrier_reaches_its_folders_at_our_own_address() {
        let guard = Netguard { own: Some(url("http://127.0.0.1:3000")), ..Netguard::default() };
        let mine = [
            "http://127.0.0.1:3000/simulator/messages",
            "http://127.0.0.1:3000/simulator/media/1",
            "http://127.0.0.1:3000/webhooks/simulator/key/inbound",
            "http://127.0.0.1:3000/media/mms/outbound/1/carrier?e=1&d=i&s=x",
        ];
        for mine in mine {
            assert_eq!(guard.judge(&url(mine), Errand::Simulated), Ok(Reach::AllowedPrivate), "{mine}");
            assert_eq!(guard.judge(&url(mine), Errand::Any), Err(HttpError::Forbidden), "{mine}");
        }
        let others = [
            "http://127.0.0.1:3001/simulator/messages",
            "http://127.0.0.1/simulator/messages",
            "https://127.0.0.1:3000/simulator/messages",
            "http://127.0.0.2:3000/simulator/messages",
            "http://[::1]:3000/simulator/messages",
            "http://127.0.0.1:3000/metrics",
            "http://127.0.0.1:3000/simulator/../metrics",
            "http://127.0.0.1:3000/webhooks/twilio/key/inbound",
            "http://127.0.0.1:3000/api/patients",
        ];
        for other in others {
            assert_eq!(guard.judge(&url(other), Errand::Simulated), Err(HttpError::Forbidden), "{other}");
        }
        let named = "http://localhost:3000/simulator/messages";
        assert_eq!(
            guard.judge(&url(named), Errand::Simulated),
            Ok(Reach::Public),
            "no name that leads inside"
        );
        let away = guard.judge_hop(&url(mine[1]), &url("http://127.0.0.1:3001/x"), Errand::Simulated);
        assert_eq!(away, Err(HttpError::Forbidden));
    }

    fn url(text: &str) -> Url {
        text.parse().expect("an address")
    }

    #[test]
    fn private_and_special_addresses_are_not_public() {
        let private = "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254 \
            172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 \
            198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::ffff:8.8.8.8 \
            ::ffff:127.0.0.1 ::7f00:1 64:ff9b::7f00:1 64:ff9b:1::808:808 100::1 2001::1 2001:1::1 2001:db8::1 \
            2002:7f00:1::1 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fec0::1 ff02::1";
        for text in private.split_whitespace() {
            assert!(!is_public(text.parse().expect("an address")), "{text}");
        }
    }

    #[test]
    fn neighbours_of_the_special_ranges_are_public() {
        let public = "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 \
            169.253.255.255 172.15.255.255 172.32.0.0 192.0.1.1 192.167.255.255 198.17.255.255 198.20.0.0 \
            223.255.255.255 64:ff9b::808:808 2001:200::1 2001:4860:4860::8888 2606:4700::1111 3ffe::1";
        for text in public.split_whitespace() {
            assert!(is_public(text.parse().expect("an address")), "{text}");
        }
    }
}
