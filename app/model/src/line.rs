//! Lines: the numbers that patients write to, and the carriers behind them.

use crate::{LineId, PhoneNumber};
use serde::{Deserialize, Serialize};

/// A carrier that the product can speak with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// A patient's phone in the browser; for trying out, demos and tests.
    Simulator,
    /// Twilio Programmable Messaging.
    Twilio,
}

crate::words::words!(ProviderKind { Simulator = "simulator", Twilio = "twilio" });

impl ProviderKind {
    /// The name to show.
    pub fn label(self) -> &'static str {
        match self {
            Self::Simulator => "Simulator",
            Self::Twilio => "Twilio",
        }
    }
}

/// A line in Settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineView {
    /// The line.
    pub id: LineId,
    /// What staff call it.
    pub name: String,
    /// What patients write to.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub number: PhoneNumber,
    /// The carrier behind it.
    pub provider: ProviderKind,
    /// New conversations go out here.
    pub is_default: bool,
    /// To paste into the carrier's console, whole: what stands after a `#` has the carrier call again after a failure.
    pub inbound_url: String,
    /// To paste into the carrier's console, where it asks for one.
    pub status_url: String,
    /// Webhooks in quarantine because their signature did not hold.
    pub quarantined: u32,
}
