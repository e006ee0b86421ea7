//! [`Team`]: one large task per core. A batch is split by rows into shards, each with buffers of its own, because
//! splitting inside every small matrix product costs more in hand-overs than it gains.

use rayon::iter::{IntoParallelRefMutIterator, ParallelIterator};

/// The threads an update runs on.
#[derive(Debug)]
pub struct Team {
    pool: Option<rayon::ThreadPool>,
}

impl Team {
    /// `threads` workers, each with a single-threaded libtorch; with one, the caller's own thread does the work.
    ///
    /// # Panics
    /// If the operating system refuses a thread.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        tch::set_num_threads(1);
        let pool = (threads > 1).then(|| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .start_handler(|_| tch::set_num_threads(1))
                .build()
                .expect("a thread pool")
        });
        Self { pool }
    }

    /// Row ranges (first, count) of equal size for `threads` shards.
    pub fn split(rows: usize, threads: usize) -> impl Iterator<Item = (usize, usize)> {
        let threads = threads.clamp(1, rows);
        (0..threads).map(move |i| {
            let (first, end) = (rows * i / threads, rows * (i + 1) / threads);
            (first, end - first)
        })
    }

    /// Runs `task` on every shard and returns when all are done.
    pub fn run<S: Send>(&self, shards: &mut [S], task: impl Fn(&mut S) + Sync) {
        match &self.pool {
            None => tch::no_grad(|| shards.iter_mut().for_each(&task)),
            Some(pool) => pool.install(|| {
                shards
                    .par_iter_mut()
                    .for_each(|shard| tch::no_grad(|| task(shard)))
            }),
        }
    }
}
