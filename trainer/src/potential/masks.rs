//! [`Coupling`]: which input of a flow's layer may move which output, as degrees that a network's masks follow from
//! (Germain, Gregor, Murray & Larochelle 2015, "MADE: Masked Autoencoder for Distribution Estimation").
//!
//! A hidden unit sees what has at most its own degree, an output what has less. Autoregressive layers and coupling layers
//! differ in the degrees alone.

/// Dependence of the numbers of one layer on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coupling {
    /// Number `i` depends on all before it.
    Autoregressive,
    /// So many pass unchanged, and the others depend on them.
    PassThrough(usize),
}

/// Ones and zeros by which a layer's weights and biases are multiplied.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mask {
    /// `[outputs * inputs]`, row-major.
    pub weight: Vec<f32>,
    /// `[outputs]`
    pub bias: Vec<f32>,
}

impl Coupling {
    /// Masks of the layers of a network `dim -> hidden … -> 2 dim`, which answers `dim` shifts and then `dim` scales.
    pub(super) fn masks(self, dim: usize, hidden: &[usize]) -> Vec<Mask> {
        let mut degrees = vec![self.degrees(dim)];
        degrees.extend(hidden.iter().map(|&width| self.hidden_degrees(dim, width)));
        let outputs = [self.degrees(dim), self.degrees(dim)].concat();
        let mut masks: Vec<Mask> = degrees
            .windows(2)
            .map(|pair| mask(&pair[1], &pair[0], |output, input| output >= input))
            .collect();
        let last = degrees.last().expect("the inputs are there");
        let mut strict = mask(&outputs, last, |output, input| output > input);
        if let Self::PassThrough(_) = self {
            let free = outputs.iter().map(|&degree| f32::from(degree > 1));
            strict.bias = free.collect();
        }
        masks.push(strict);
        masks
    }

    fn degrees(self, dim: usize) -> Vec<usize> {
        match self {
            Self::Autoregressive => (1..=dim).collect(),
            Self::PassThrough(count) => (0..dim).map(|i| if i < count { 1 } else { 2 }).collect(),
        }
    }

    /// Spread evenly over 1 … dim - 1: a greater degree would reach no output.
    fn hidden_degrees(self, dim: usize, width: usize) -> Vec<usize> {
        match self {
            Self::Autoregressive => (0..width)
                .map(|unit| 1 + unit * (dim - 1) / width)
                .collect(),
            Self::PassThrough(_) => vec![1; width],
        }
    }
}

fn mask(outputs: &[usize], inputs: &[usize], sees: fn(usize, usize) -> bool) -> Mask {
    let row = |output: &usize| {
        let output = *output;
        inputs
            .iter()
            .map(move |&input| f32::from(sees(output, input)))
    };
    Mask {
        weight: outputs.iter().flat_map(row).collect(),
        bias: vec![1.0; outputs.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths from each input to each output, counted by multiplying the masks.
    fn paths(coupling: Coupling, dim: usize, hidden: &[usize]) -> Vec<Vec<f32>> {
        let mut reached: Vec<Vec<f32>> = (0..dim)
            .map(|i| (0..dim).map(|j| f32::from(i == j)).collect())
            .collect();
        for mask in coupling.masks(dim, hidden) {
            let width = reached.len();
            let combine = |row: &[f32]| {
                (0..dim)
                    .map(|input| {
                        row.iter()
                            .zip(&reached)
                            .map(|(w, from)| w * from[input])
                            .sum()
                    })
                    .collect()
            };
            reached = mask.weight.chunks_exact(width).map(combine).collect();
        }
        reached
    }

    #[test]
    fn an_output_depends_on_exactly_the_numbers_before_it() {
        for hidden in [&[][..], &[12][..], &[9, 17][..]] {
            for (output, inputs) in paths(Coupling::Autoregressive, 5, hidden)
                .iter()
                .enumerate()
            {
                for (input, paths) in inputs.iter().enumerate() {
                    assert_eq!(
                        *paths > 0.0,
                        input < output % 5,
                        "{hidden:?} {output} {input}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_passes_through_depends_on_nothing_and_moves_the_rest() {
        let coupling = Coupling::PassThrough(2);
        for (output, inputs) in paths(coupling, 5, &[8, 8]).iter().enumerate() {
            for (input, paths) in inputs.iter().enumerate() {
                assert_eq!(*paths > 0.0, output % 5 >= 2 && input < 2);
            }
        }
        let last = coupling.masks(5, &[8, 8]).pop().unwrap();
        assert_eq!(
            last.bias,
            [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0]
        );
    }
}
