//! [`Ranges`]: what was seen of the numbers that go into dense layers.

use std::collections::BTreeMap;

use rlfd_runtime::image::{Op, OpCode, Place};

/// Greatest magnitude of each number that goes into each dense layer, by the index of its operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranges(BTreeMap<usize, Vec<f32>>);

impl Ranges {
    /// Takes what operation `index` is about to read.
    pub fn see(&mut self, index: usize, op: &Op, arena: &[f32]) {
        let (OpCode::Dense, Place::Arena(start)) = (op.code, op.a) else {
            return;
        };
        let inputs = op.n[0] as usize;
        let input = &arena[start as usize..][..inputs * op.n[2] as usize];
        let greatest = self.0.entry(index).or_insert_with(|| vec![0.0; inputs]);
        for row in input.chunks(inputs.max(1)) {
            for (greatest, x) in greatest.iter_mut().zip(row) {
                *greatest = greatest.max(x.abs());
            }
        }
    }

    /// The magnitudes of operation `index`, if anything was seen of it.
    pub(super) fn of(&self, index: usize) -> Option<&[f32]> {
        self.0.get(&index).map(Vec::as_slice)
    }
}
