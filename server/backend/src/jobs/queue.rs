//! Claim, lease, retry.
