//! What every registered algorithm must do, run on each entry of the registry.
