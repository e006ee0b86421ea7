//! `trainer list`

use clap::Args;

use crate::algo::ALGORITHMS;
use crate::env::registry;
use crate::recipe::RECIPES;

/// Name environments, algorithms and recipes.
#[derive(Debug, Args)]
pub struct ListArgs {}

/// Runs `trainer list`.
///
/// # Errors
/// None; the signature is that of its siblings.
pub fn list(_: &ListArgs) -> anyhow::Result<()> {
    println!("environments");
    for entry in registry::ENTRIES {
        println!("  {:<32}{}", entry.id, entry.summary);
    }
    println!("  {:<32}any other of Python's Gymnasium", "gym:NAME");
    println!("\nalgorithms");
    for entry in ALGORITHMS {
        println!("  {:<32}{}", entry.name, entry.summary);
    }
    println!("\nrecipes");
    for recipe in RECIPES {
        println!("  {:<38}{}", recipe.name, recipe.summary());
    }
    Ok(())
}
