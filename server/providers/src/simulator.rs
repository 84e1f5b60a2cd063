//! The simulated carrier.
use crate::*;
pub struct Simulator;
impl Provider for Simulator {
    fn limits(&self) -> Limits {
        unimplemented!()
    }
    fn check_credentials(&self, _: &serde_json::Value) -> Result<(), CredentialError> {
        unimplemented!()
    }
    fn send<'a>(
        &'a self,
        _: &'a Http,
        _: &'a Account,
        _: &'a Outbound,
    ) -> BoxFuture<'a, Result<Receipt, SendError>> {
        unimplemented!()
    }
    fn receive(&self, _: &Account, _: &WebhookRequest) -> Result<Received, Rejected> {
        unimplemented!()
    }
    fn media_request(&self, _: &Account, _: &Url) -> Result<MediaRequest, Rejected> {
        unimplemented!()
    }
}
