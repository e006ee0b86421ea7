//! Fitting: passes over the demonstrations, the members of an ensemble side by side on threads. What comes out depends neither
//! on the number of threads nor on how often it was stopped on the way.

use std::ops::ControlFlow;

use tch::Tensor;

use super::demonstrated::Statistics;
use super::{Demonstrated, Member, MemberState, PotentialSettings};
use crate::algo::Dimensions;

/// How an ensemble is fitted.
pub struct Fitting<'a> {
    /// Of all random streams; each member has one.
    pub seed: u64,
    /// How many members are fitted at a time.
    pub threads: usize,
    /// What each member goes on from; fewer, or none, where it begins.
    pub states: Vec<Option<MemberState>>,
    /// Told, after every pass of every member, of its number and what has become of it. To break off is to end the fitting.
    pub watch: &'a (dyn Fn(usize, &Member) -> ControlFlow<()> + Sync),
}

impl std::fmt::Debug for Fitting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Fitting");
        text.field("seed", &self.seed)
            .field("threads", &self.threads);
        text.field("states", &self.states).finish_non_exhaustive()
    }
}

/// What is left when fitting is done.
#[derive(Debug)]
pub(super) struct Fitted {
    pub statistics: Statistics,
    /// The numbers of each member's networks, in the order in which they answer.
    pub members: Vec<Vec<Vec<f32>>>,
}

/// Fits `settings.potential_ensemble` models to `data`; nothing if it was broken off.
pub(super) fn fit(
    data: &Demonstrated,
    dimensions: Dimensions,
    settings: &PotentialSettings,
    fitting: &Fitting<'_>,
) -> Option<Fitted> {
    let statistics = Statistics::of(&data.observation, dimensions.observation);
    let rows = joint_rows(data, dimensions, &statistics);
    let width = dimensions.observation + dimensions.action;
    let mut members: Vec<Option<Vec<Vec<f32>>>> = vec![None; settings.potential_ensemble];
    let per_thread = members.len().div_ceil(fitting.threads.max(1));
    std::thread::scope(|scope| {
        for (chunk, members) in members.chunks_mut(per_thread).enumerate() {
            let rows = &rows;
            scope.spawn(move || {
                tch::set_num_threads(1);
                let data = Tensor::from_slice(rows).view([-1, width as i64]);
                for (index, member) in members.iter_mut().enumerate() {
                    *member = fit_member(&data, settings, fitting, chunk * per_thread + index);
                    if member.is_none() {
                        break;
                    }
                }
            });
        }
    });
    Some(Fitted {
        statistics,
        members: members.into_iter().collect::<Option<_>>()?,
    })
}

fn fit_member(
    data: &Tensor,
    settings: &PotentialSettings,
    fitting: &Fitting<'_>,
    number: usize,
) -> Option<Vec<Vec<f32>>> {
    let mut member = Member::new(data.size()[1] as usize, settings, fitting.seed, number);
    if let Some(Some(state)) = fitting.states.get(number) {
        member.restore(state);
    }
    while member.passes() < settings.potential_epochs {
        member.pass(data);
        if (fitting.watch)(number, &member).is_break() {
            return None;
        }
    }
    Some(member.frozen(data))
}

/// `[rows * (observation + action)]`: normalised observations with their actions.
fn joint_rows(data: &Demonstrated, dimensions: Dimensions, statistics: &Statistics) -> Vec<f32> {
    let observations = data.observation.chunks_exact(dimensions.observation);
    let mut rows = Vec::with_capacity(data.observation.len() + data.action.len());
    for (observation, action) in observations.zip(data.action.chunks_exact(dimensions.action)) {
        let first = rows.len();
        rows.extend_from_slice(observation);
        statistics.apply(&mut rows[first..]);
        rows.extend_from_slice(action);
    }
    rows
}
