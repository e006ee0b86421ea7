//! `policy.pt`.
