//! Where in the arena each buffer lies: results in place of operands that die, parts in place of their whole, and what lives at
//! different times in the same words.

use rlfd_runtime::image::OpCode;

use super::step::{Operand, Run, Step};

/// Buffers with their places.
#[derive(Debug)]
pub(super) struct Plan {
    /// The buffer that holds another, and from which word on.
    parents: Vec<Option<(usize, usize)>>,
    /// First word of each buffer that no other holds.
    starts: Vec<usize>,
    /// Words of the arena.
    pub arena_len: usize,
}

/// What must be known besides the steps.
#[derive(Debug)]
pub(super) struct Fixed<'a> {
    /// Buffers that are written before the first step.
    pub inputs: &'a [usize],
    /// Buffers at the start of the arena, in order: the state, which is there before the first step and after the last.
    pub state: &'a [usize],
    /// For each of those, what it is after the last step.
    pub next: &'a [Run],
    /// What is read after the last step.
    pub outputs: &'a [Run],
}

impl Plan {
    /// Plans, and takes out the copies that a place of its own makes unnecessary.
    pub fn new(steps: &mut Vec<Step>, buffers: &[usize], fixed: &Fixed<'_>) -> Self {
        let mut plan = Self {
            parents: vec![None; buffers.len()],
            starts: vec![0; buffers.len()],
            arena_len: 0,
        };
        plan.place_parts(steps, buffers, fixed);
        plan.place_results(steps, buffers, fixed);
        plan.place_state(steps, buffers, fixed);
        for (state, next) in fixed.state.iter().zip(fixed.next) {
            let whole = run(*state, buffers);
            if plan.resolve(next) != whole {
                steps.push(copy(next, &whole));
            }
        }
        plan.assign(steps, buffers, fixed);
        plan
    }

    /// The address of a run's first word.
    pub fn address(&self, run: &Run) -> usize {
        let run = self.resolve(run);
        self.starts[run.buffer] + run.start
    }

    /// The same words as part of the buffer that holds all others.
    fn resolve(&self, run: &Run) -> Run {
        let mut run = *run;
        while let Some((parent, start)) = self.parents[run.buffer] {
            run.buffer = parent;
            run.start += start;
        }
        run
    }

    /// A copy of a whole buffer into part of another is spared by computing it there.
    fn place_parts(&mut self, steps: &mut Vec<Step>, buffers: &[usize], fixed: &Fixed<'_>) {
        steps.retain(|step| {
            let Some(source) = step.operands[0].run().filter(|_| step.is_plain_copy) else {
                return true;
            };
            let is_whole = source.start == 0 && source.len == buffers[source.buffer];
            let is_free = self.parents[source.buffer].is_none()
                && !fixed.state.contains(&source.buffer)
                && self.resolve(&step.out).buffer != source.buffer;
            if is_whole && is_free {
                self.parents[source.buffer] = Some((step.out.buffer, step.out.start));
                return false;
            }
            true
        });
    }

    /// Map and Zip answer where their operand lies if nobody needs that any more.
    fn place_results(&mut self, steps: &mut [Step], buffers: &[usize], fixed: &Fixed<'_>) {
        for index in 0..steps.len() {
            let step = &steps[index];
            if !matches!(step.code, OpCode::Map | OpCode::Zip) {
                continue;
            }
            // The operands of equal length may change places. The one that lies where a state does comes first: what is made of a
            // state often is the next one.
            let [outer, _, inner, _] = step.n;
            let may_swap = step.code == OpCode::Zip && (outer, inner) == (1, 1);
            let second = step.operands[1].run().filter(|_| may_swap).copied();
            let in_state = |plan: &Self, run: &Run| fixed.state.contains(&plan.resolve(run).buffer);
            let first_is_state = step.operands[0]
                .run()
                .is_some_and(|run| in_state(self, run));
            if second.is_some_and(|run| in_state(self, &run) && !first_is_state) {
                swap(&mut steps[index]);
            }
            if !self.place_result(steps, index, buffers, fixed) && second.is_some() {
                swap(&mut steps[index]);
                if !self.place_result(steps, index, buffers, fixed) {
                    swap(&mut steps[index]);
                }
            }
        }
    }

    fn place_result(
        &mut self,
        steps: &[Step],
        index: usize,
        buffers: &[usize],
        fixed: &Fixed<'_>,
    ) -> bool {
        let step = &steps[index];
        let Some(operand) = step.operands[0].run() else {
            return false;
        };
        let (a, out) = (self.resolve(operand), step.out);
        if self.resolve(&out) == a {
            return true;
        }
        let others = step.operands[1..].iter().filter_map(Operand::run);
        let later = steps[index + 1..]
            .iter()
            .flat_map(Step::reads)
            .chain(fixed.outputs)
            .chain(fixed.next);
        let is_needed = others
            .chain(later)
            .any(|run| self.resolve(run).overlaps(&a));
        // After the last step a state's place holds the next state and nothing else that is read then.
        let in_state = fixed.state.iter().position(|state| *state == a.buffer);
        let is_next = in_state.is_some_and(|i| {
            self.resolve(&fixed.next[i]) == self.resolve(&out) && a == run(a.buffer, buffers)
        });
        let mut last = fixed.outputs.iter().chain(fixed.next);
        let is_last = last.any(|run| self.resolve(run).overlaps(&self.resolve(&out)));
        if in_state.is_some() && is_last && !is_next {
            return false;
        }
        if is_needed || a.len != out.len {
            return false;
        }
        let out_is_whole = out.start == 0 && out.len == buffers[out.buffer];
        if out_is_whole && self.parents[out.buffer].is_none() {
            self.parents[out.buffer] = Some((a.buffer, a.start));
            return true;
        }
        // The result has its place; the operand may take that one instead.
        let place = self.resolve(&out);
        let a_is_free = a.start == 0
            && a.len == buffers[a.buffer]
            && place.buffer != a.buffer
            && !fixed.state.contains(&a.buffer)
            && !fixed.inputs.contains(&a.buffer);
        if a_is_free {
            self.parents[a.buffer] = Some((place.buffer, place.start));
        }
        a_is_free
    }

    /// The next state is computed where the state lies if nobody needs the old one any more.
    fn place_state(&mut self, steps: &[Step], buffers: &[usize], fixed: &Fixed<'_>) {
        for (state, next) in fixed.state.iter().zip(fixed.next) {
            let whole = run(*state, buffers);
            let place = self.resolve(next);
            let is_free = place.start == 0
                && place.len == buffers[place.buffer]
                && place.len == whole.len
                && !fixed.state.contains(&place.buffer)
                && !fixed.inputs.contains(&place.buffer);
            let Some(first) = steps
                .iter()
                .position(|step| self.resolve(&step.out).overlaps(&place))
            else {
                continue;
            };
            let later = steps[first..]
                .iter()
                .flat_map(|step| step.reads().copied().chain([step.out]));
            let later = later
                .chain(fixed.outputs.iter().copied())
                .chain(fixed.next.iter().copied());
            let is_needed = later
                .map(|run| self.resolve(&run))
                .any(|run| run.overlaps(&whole));
            if is_free && !is_needed {
                self.parents[place.buffer] = Some((*state, 0));
            }
        }
    }

    /// Gives every buffer that no other holds a place, the largest first, each as low as what lives with it allows.
    fn assign(&mut self, steps: &[Step], buffers: &[usize], fixed: &Fixed<'_>) {
        let end = steps.len() + 1;
        let mut lives: Vec<Option<(usize, usize)>> = vec![None; buffers.len()];
        let mut note = |plan: &Self, run: &Run, time: usize| {
            let life = &mut lives[plan.resolve(run).buffer];
            *life = Some(life.map_or((time, time), |(first, last)| {
                (first.min(time), last.max(time))
            }));
        };
        // Time 0 is before the first step.
        for buffer in fixed.inputs {
            note(self, &run(*buffer, buffers), 0);
        }
        for buffer in fixed.state {
            note(self, &run(*buffer, buffers), 0);
            note(self, &run(*buffer, buffers), end);
        }
        for (time, step) in steps.iter().enumerate() {
            for run in step.reads().chain([&step.out]) {
                note(self, run, time + 1);
            }
        }
        for run in fixed.outputs {
            note(self, run, end);
        }
        let mut placed: Vec<usize> = Vec::new();
        let mut start = 0;
        for buffer in fixed.state {
            self.starts[*buffer] = start;
            start += buffers[*buffer];
            placed.push(*buffer);
        }
        let mut order: Vec<usize> = (0..buffers.len())
            .filter(|b| lives[*b].is_some() && !placed.contains(b))
            .collect();
        order.sort_by_key(|buffer| (std::cmp::Reverse(buffers[*buffer]), lives[*buffer], *buffer));
        for buffer in order {
            let meets = |other: &&usize| match (lives[buffer], lives[**other]) {
                (Some((a, b)), Some((c, d))) => a <= d && c <= b,
                _ => false,
            };
            let mut taken: Vec<(usize, usize)> = placed
                .iter()
                .filter(meets)
                .map(|b| (self.starts[*b], self.starts[*b] + buffers[*b]))
                .collect();
            taken.sort_unstable();
            let mut place = 0;
            for (first, last) in taken {
                if place + buffers[buffer] <= first {
                    break;
                }
                place = place.max(last);
            }
            self.starts[buffer] = place;
            placed.push(buffer);
        }
        self.arena_len = placed
            .iter()
            .map(|b| self.starts[*b] + buffers[*b])
            .max()
            .unwrap_or(0);
    }
}

/// Swaps the operands of a Zip of two equally long ones.
fn swap(step: &mut Step) {
    step.operands.swap(0, 1);
    step.n[3] = 1 - step.n[3];
}

fn run(buffer: usize, buffers: &[usize]) -> Run {
    Run {
        buffer,
        start: 0,
        len: buffers[buffer],
    }
}

/// Copies a run; its parameters are for the emitter to fill in.
fn copy(from: &Run, to: &Run) -> Step {
    Step {
        code: OpCode::Copy,
        function: 0,
        weights: rlfd_runtime::image::WeightType::F32,
        operands: [Operand::Run(*from), Operand::None, Operand::None],
        out: *to,
        n: [from.len, to.len, 0, 0],
        p: [1.0, 0.0],
        extra: None,
        is_plain_copy: true,
        is_affine: false,
    }
}
