//! Tests that need several members.
