//! [`Work`]: how much the evaluation of one file may take. A small file could ask for hours, in one node or in thousands.

use std::cell::Cell;

/// Turns of innermost loops that one evaluation of a graph takes at most: seconds. A fuzzer, which looks for other things, is not
/// kept waiting.
pub const MAX_WORK: usize = if cfg!(fuzzing) { 1 << 20 } else { 1 << 30 };

/// What is left of [`MAX_WORK`].
#[derive(Debug)]
pub struct Work(Cell<usize>);

impl Default for Work {
    fn default() -> Self {
        Self(Cell::new(MAX_WORK))
    }
}

impl Work {
    /// Takes off what loops of these lengths inside each other take, before they are run. One that is empty takes a turn to find out.
    ///
    /// # Errors
    /// So much is not left.
    pub fn spend(&self, loops: &[usize]) -> Result<(), String> {
        let turns = loops
            .iter()
            .try_fold(1_usize, |turns, n| turns.checked_mul((*n).max(1)));
        let left = turns.and_then(|turns| self.0.get().checked_sub(turns));
        let left = left.ok_or_else(|| {
            format!("with it the nodes take more than {MAX_WORK} products and numbers together")
        })?;
        self.0.set(left);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_can_be_spent_once() {
        let work = Work::default();
        work.spend(&[MAX_WORK / 2, 1]).unwrap();
        assert!(work.spend(&[MAX_WORK / 2, 2]).is_err());
        work.spend(&[2, MAX_WORK / 4]).unwrap();
        assert!(work.spend(&[0]).is_err());
    }

    #[test]
    fn loops_whose_turns_cannot_be_counted_are_refused() {
        assert!(Work::default().spend(&[usize::MAX, 2]).is_err());
    }
}
