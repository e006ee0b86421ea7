//! Ranks: the processes of this program that one `mpirun` started, on one machine or on many. With the feature `mpi` they
//! talk over MPI; without it, all that is known is that they were started together.

/// How many processes `mpirun` started, this one among them; nothing if it is alone. Open MPI says so in one variable,
/// MPICH and those made of it in another.
#[must_use]
pub fn launched() -> Option<usize> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<usize>().ok();
    let size = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"]
        .into_iter()
        .find_map(number);
    size.filter(|size| *size > 1)
}

/// What is said when ranks were started together and cannot talk.
#[cfg(not(feature = "mpi"))]
#[must_use]
pub fn without_mpi(size: usize) -> anyhow::Error {
    anyhow::anyhow!(
        "mpirun started {size} ranks, but this trainer cannot talk to them: build it with \
         `--features rlfd-trainer/mpi`"
    )
}

#[cfg(feature = "mpi")]
pub use world::Ranks;

#[cfg(feature = "mpi")]
mod world {
    use anyhow::{Context, bail};
    use mpi::Threading;
    use mpi::collective::SystemOperation;
    use mpi::environment::Universe;
    use mpi::point_to_point::MatchedReceiveVec;
    use mpi::topology::SimpleCommunicator;
    use mpi::traits::{Communicator, CommunicatorCollectives, Destination, Source};
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use crate::nn::Collective;

    /// All ranks, seen from one of them. Only one thread may use it.
    pub struct Ranks {
        world: SimpleCommunicator,
        /// Ends MPI when it is dropped, which must be last.
        _universe: Universe,
    }

    impl std::fmt::Debug for Ranks {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "rank {} of {}", self.rank(), self.size())
        }
    }

    impl Ranks {
        /// Joins the other ranks.
        ///
        /// # Errors
        /// If MPI has already begun in this process.
        pub fn join() -> anyhow::Result<Self> {
            // Threads there are, but only the first talks.
            let (universe, _) = mpi::initialize_with_threading(Threading::Funneled)
                .context("MPI has already begun in this process")?;
            Ok(Self {
                world: universe.world(),
                _universe: universe,
            })
        }

        /// Which one this is, from 0.
        #[must_use]
        pub fn rank(&self) -> usize {
            self.world.rank() as usize
        }

        /// How many there are.
        #[must_use]
        pub fn size(&self) -> usize {
            self.world.size() as usize
        }

        /// Ends all ranks at once, with a status.
        pub fn abort(&self, status: i32) -> ! {
            self.world.abort(status)
        }

        /// This rank as one of several that learn as one.
        #[must_use]
        pub fn collective(&self) -> Collective {
            // The world is the same wherever in the process it is asked for.
            Collective::new(
                (self.rank(), self.size()),
                |values| {
                    let own = values.to_vec();
                    let world = SimpleCommunicator::world();
                    world.all_reduce_into(&own[..], values, SystemOperation::sum());
                },
                |values| {
                    let own = values.to_vec();
                    let world = SimpleCommunicator::world();
                    world.all_reduce_into(&own[..], values, SystemOperation::sum());
                },
            )
        }

        /// Sends plain data to a rank.
        ///
        /// # Errors
        /// If it cannot be encoded.
        pub fn send(&self, rank: usize, message: &impl Serialize) -> anyhow::Result<()> {
            let bytes = postcard::to_allocvec(message).context("a message is plain data")?;
            self.world.process_at_rank(rank as i32).send(&bytes[..]);
            Ok(())
        }

        /// What another rank sent, and which one, without waiting.
        ///
        /// # Errors
        /// If the message is none of this version of the program.
        pub fn receive<M: DeserializeOwned>(&self) -> anyhow::Result<Option<(usize, M)>> {
            let Some(found) = self.world.any_process().immediate_matched_probe() else {
                return Ok(None);
            };
            let (bytes, status) = found.matched_receive_vec::<u8>();
            let rank = status.source_rank() as usize;
            match postcard::from_bytes(&bytes) {
                Ok(message) => Ok(Some((rank, message))),
                Err(error) => bail!(
                    "rank {rank} sent what cannot be decoded ({error}): is it the same program?"
                ),
            }
        }
    }
}
