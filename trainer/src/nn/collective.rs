//! [`Collective`]: sums over the processes that share one learner. How the numbers travel is not known here: two functions
//! add arrays up, and everything else that has to be agreed upon is made of them.

use std::sync::Arc;

/// Replaces the elements of an array by their sums over all processes; every process calls it in the same order, with
/// arrays of one length, and gets the same bits.
type Sum<T> = Arc<dyn Fn(&mut [T]) + Send + Sync>;

/// One of several processes that learn as one.
#[derive(Clone)]
pub struct Collective {
    rank: usize,
    size: usize,
    sum_f32: Sum<f32>,
    sum_f64: Sum<f64>,
}

impl std::fmt::Debug for Collective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} of {}", self.rank, self.size)
    }
}

impl Collective {
    /// Process `rank` of `size`, with the functions that add up over all.
    pub fn new(
        (rank, size): (usize, usize),
        sum_f32: impl Fn(&mut [f32]) + Send + Sync + 'static,
        sum_f64: impl Fn(&mut [f64]) + Send + Sync + 'static,
    ) -> Self {
        Self {
            rank,
            size,
            sum_f32: Arc::new(sum_f32),
            sum_f64: Arc::new(sum_f64),
        }
    }

    /// Which one this is, from 0.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Sums gradients over all processes.
    pub fn sum(&self, values: &mut [f32]) {
        (self.sum_f32)(values);
    }

    /// Makes the values of process 0 those of all.
    pub fn broadcast(&self, values: &mut [f32]) {
        if self.rank > 0 {
            values.fill(0.0);
        }
        (self.sum_f32)(values);
    }

    /// What each process has, in the order of the ranks; arrays of one length.
    #[must_use]
    pub fn gather(&self, own: &[f64]) -> Vec<Vec<f64>> {
        if own.is_empty() {
            return vec![Vec::new(); self.size];
        }
        let mut all = vec![0.0; own.len() * self.size];
        all[self.rank * own.len()..][..own.len()].copy_from_slice(own);
        (self.sum_f64)(&mut all);
        all.chunks_exact(own.len()).map(<[f64]>::to_vec).collect()
    }

    /// Whether it is so anywhere.
    #[must_use]
    pub fn any(&self, here: bool) -> bool {
        let mut count = [f64::from(u8::from(here))];
        (self.sum_f64)(&mut count);
        count[0] > 0.0
    }

    /// Waits until all processes are here.
    pub fn wait(&self) {
        let _ = self.any(false);
    }
}

/// Threads in the place of processes.
#[cfg(test)]
pub(crate) mod threads {
    use std::sync::{Arc, Barrier, Mutex};

    use super::Collective;

    /// Runs `work` once per member and answers what each came to.
    pub(crate) fn together<T: Send>(size: usize, work: impl Fn(Collective) -> T + Sync) -> Vec<T> {
        let table: Arc<Mutex<Vec<Vec<f64>>>> = Arc::new(Mutex::new(vec![Vec::new(); size]));
        let barrier = Arc::new(Barrier::new(size));
        let member = |rank: usize| {
            let (table, barrier) = (table.clone(), barrier.clone());
            let sum = move |values: &[f64]| -> Vec<f64> {
                table.lock().unwrap()[rank] = values.to_vec();
                barrier.wait();
                let column =
                    |index: usize| table.lock().unwrap().iter().map(|row| row[index]).sum();
                let sums = (0..values.len()).map(column).collect();
                barrier.wait();
                sums
            };
            let wide = sum.clone();
            let narrow = move |values: &mut [f32]| {
                let sums = wide(
                    &values
                        .iter()
                        .map(|value| f64::from(*value))
                        .collect::<Vec<_>>(),
                );
                values
                    .iter_mut()
                    .zip(sums)
                    .for_each(|(value, sum)| *value = sum as f32);
            };
            Collective::new((rank, size), narrow, move |values| {
                let sums = sum(values);
                values.copy_from_slice(&sums);
            })
        };
        let work = &work;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..size)
                .map(|rank| {
                    let collective = member(rank);
                    scope.spawn(move || work(collective))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::threads::together;

    #[test]
    fn what_is_agreed_upon_is_the_same_everywhere() {
        let found = together(3, |collective| {
            let rank = collective.rank() as f32;
            let mut sum = [rank, 1.0];
            collective.sum(&mut sum);
            let mut first = [rank + 5.0];
            collective.broadcast(&mut first);
            let gathered = collective.gather(&[f64::from(rank), 7.0]);
            let any = (collective.any(rank == 2.0), collective.any(false));
            (sum, first, gathered, any)
        });
        for (sum, first, gathered, any) in found {
            assert_eq!((sum, first, any), ([3.0, 3.0], [5.0], (true, false)));
            assert_eq!(gathered, [[0.0, 7.0], [1.0, 7.0], [2.0, 7.0]]);
        }
    }
}
