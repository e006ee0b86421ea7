//! A frozen potential against autograd, against closed forms and against itself from a file.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::MemberState;

use super::*;

const DIMENSIONS: Dimensions = Dimensions {
    observation: 3,
    action: 2,
};
const MODELS: [PotentialModel; 3] = [
    PotentialModel::Maf,
    PotentialModel::RealNvp,
    PotentialModel::Gan,
];

/// A line in five dimensions, with a little spread.
fn line(rows: usize) -> Demonstrated {
    let mut data = Demonstrated::default();
    for row in 0..rows {
        let t = row as f32 / rows as f32 * 2.0 - 1.0;
        let spread = |k: f32| 0.1 * (row as f32 * k).sin();
        data.observation
            .extend([10.0 * t + spread(1.3), t + spread(2.1), 4.0]);
        data.action
            .extend([0.5 * t + spread(3.7), -0.5 * t + spread(5.9)]);
    }
    data
}

impl Potential {
    /// Fitted without interruption.
    pub(crate) fn fitted_to(
        data: &Demonstrated,
        dimensions: Dimensions,
        settings: &PotentialSettings,
        seed: u64,
    ) -> Self {
        let fitting = Fitting {
            seed,
            threads: 1,
            states: Vec::new(),
            watch: &|_, _| ControlFlow::Continue(()),
        };
        Self::fit(data, dimensions, settings, Device::Cpu, &fitting).expect("not broken off")
    }

    fn numbers(&self) -> Vec<Vec<f32>> {
        let networks = self.members.iter().flatten();
        networks.map(Parameters::to_vec).collect()
    }
}

fn fitted(settings: &PotentialSettings, threads: usize) -> Potential {
    let heard = AtomicUsize::new(0);
    let fitting = Fitting {
        seed: 7,
        threads,
        states: Vec::new(),
        watch: &|_, _| {
            heard.fetch_add(1, Ordering::Relaxed);
            ControlFlow::Continue(())
        },
    };
    let potential = Potential::fit(&line(300), DIMENSIONS, settings, Device::Cpu, &fitting);
    let passes = settings.potential_epochs * settings.potential_ensemble;
    assert_eq!(heard.into_inner(), passes);
    potential.expect("not broken off")
}

fn random(rows: i64, columns: i64, seed: i64) -> Tensor {
    tch::manual_seed(seed);
    Tensor::randn([rows, columns], (Kind::Float, Device::Cpu))
}

impl Potential {
    /// The same Φ as one autograd graph in double precision, of `[rows, observation + action]`, observations normalised.
    pub(crate) fn by_autograd(&self, x: &Tensor) -> Tensor {
        let potential = self;
        let network = |parameters: &Parameters, x: &Tensor| {
            let flat = parameters.flat().to_kind(Kind::Double);
            let (mut offset, mut x) = (0, x.shallow_clone());
            for (index, (inputs, outputs)) in potential.shape.layers().enumerate() {
                let (inputs, outputs) = (inputs as i64, outputs as i64);
                let weight = flat
                    .narrow(0, offset, inputs * outputs)
                    .view([outputs, inputs]);
                let bias = flat.narrow(0, offset + inputs * outputs, outputs);
                offset += inputs * outputs + outputs;
                if index > 0 {
                    x = x.relu();
                }
                x = x.matmul(&weight.tr()) + bias;
            }
            x
        };
        let each = potential.members.iter().map(|networks| {
            if potential.model == PotentialModel::Gan {
                return network(&networks[0], x);
            }
            let dim = x.size()[1];
            let mut z = x.shallow_clone();
            let mut log_det = Tensor::zeros([x.size()[0], 1], (Kind::Double, Device::Cpu));
            for (index, layer) in networks.iter().enumerate() {
                if index > 0 {
                    z = z.flip([1]);
                }
                let output = network(layer, &z);
                let (shift, log_scale) = (output.narrow(1, 0, dim), output.narrow(1, dim, dim));
                z = (z - shift) / log_scale.exp();
                log_det -= log_scale.sum_dim_intlist(1, true, Kind::Double);
            }
            // Through p itself, which in double precision is still there for the rows asked about.
            let density = (log_normal(&z) + log_det).exp();
            ((density + (-5.0_f64).exp()).log() + 5.0) / 5.0
        });
        each.sum::<Tensor>() * (potential.weight / potential.members.len() as f64)
    }
}

#[test]
fn value_and_gradient_are_those_of_autograd() {
    for model in MODELS {
        let mut settings = PotentialSettings::tiny(model);
        settings.potential_ensemble = 2;
        settings.potential_epochs = 30;
        let potential = fitted(&settings, 2);
        let (observation, action) = (random(40, 3, 1) * 0.7, random(40, 2, 2) * 0.5);
        let mut shard = potential.shard(40);
        let value = shard.value(&observation, &action);
        let gradient = shard.action_gradient();

        let observation = observation.to_kind(Kind::Double);
        let action = action.to_kind(Kind::Double).set_requires_grad(true);
        let expected = potential.by_autograd(&Tensor::cat(&[&observation, &action], 1));
        let slope = Tensor::run_backward(&[expected.sum(Kind::Double)], &[&action], false, false);
        let largest = |x: &Tensor| x.abs().max().double_value(&[]);
        assert!(largest(&slope[0]) > 0.05, "{model:?}");
        let (off, size) = (largest(&(value - &expected)), largest(&expected));
        assert!(off < 1e-4 * size.max(1.0), "{model:?}: Φ off by {off}");
        let (off, size) = (largest(&(gradient - &slope[0])), largest(&slope[0]));
        assert!(off < 2e-4 * size.max(1.0), "{model:?}: ∂Φ/∂a off by {off}");
    }
}

/// A flow without hidden layers whose numbers are chosen: log p is known.
#[test]
fn a_density_of_one_gives_the_weight_and_none_gives_nothing() {
    let mut settings = PotentialSettings::tiny(PotentialModel::Maf);
    settings.flow_layers = 1;
    let dim = DIMENSIONS.observation + DIMENSIONS.action;
    let identity = Statistics {
        mean: vec![0.0; 3],
        std: vec![1.0; 3],
    };
    let value = |log_p: f64| {
        // At the mode log p = -Σ α - (dim / 2) log 2π.
        let constant = 0.5 * dim as f64 * (2.0 * std::f64::consts::PI).ln();
        let log_scale = (-log_p - constant) / dim as f64;
        let network_shape = shape(DIMENSIONS, &settings);
        let mut numbers = vec![0.0; network_shape.parameter_count()];
        let first = numbers.len() - dim;
        numbers[first..].fill(log_scale as f32);
        let potential = Potential::assemble(
            DIMENSIONS,
            &settings,
            Device::Cpu,
            identity.clone(),
            &[vec![numbers]],
        );
        potential.values(&[0.0; 3], &[0.0; 2])[0]
    };
    assert!((value(0.0) - 3.00403).abs() < 1e-5, "{}", value(0.0));
    assert!((value(-5.0) - 0.41589).abs() < 1e-5, "{}", value(-5.0));

    let potential = fitted(&PotentialSettings::tiny(PotentialModel::Maf), 1);
    let mut shard = potential.shard(1);
    let far = shard.value(
        &Tensor::from_slice(&[1e3_f32, -1e3, 1e3]).view([1, 3]),
        &Tensor::from_slice(&[1.0_f32, -1.0]).view([1, 2]),
    );
    assert_eq!(far.double_value(&[0, 0]), 0.0);
    let gradient = shard.action_gradient().abs().max().double_value(&[]);
    assert_eq!(gradient, 0.0);
}

#[test]
fn phi_is_greater_at_demonstrations_than_beside_them() {
    for model in MODELS {
        let mut settings = PotentialSettings::tiny(model);
        settings.potential_epochs = 60;
        let potential = fitted(&settings, 1);
        let data = line(300);
        let mean = |values: Vec<f32>| values.iter().sum::<f32>() / values.len() as f32;
        let shown = mean(potential.values(&data.observation, &data.action));
        let opposite: Vec<f32> = data.action.iter().map(|a| -a).collect();
        let beside = mean(potential.values(&data.observation, &opposite));
        assert!(shown > beside + 0.1, "{model:?}: {shown} and {beside}");
    }
}

/// A critic's constant is free, but the networks that learn values beside it would have to make up for it.
#[test]
fn a_gans_potential_is_zero_on_the_mean_of_the_demonstrations() {
    let mut settings = PotentialSettings::tiny(PotentialModel::Gan);
    settings.potential_epochs = 60;
    settings.potential_weight = 3.0;
    let data = line(300);
    let values = fitted(&settings, 1).values(&data.observation, &data.action);
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let spread = values
        .iter()
        .fold(0.0, |most: f32, v| most.max((v - mean).abs()));
    assert!(mean.abs() < 1e-4 && spread > 0.1, "{mean} {spread}");
}

#[test]
fn threads_and_files_change_no_bit_and_members_differ() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("potential.pt");
    for model in MODELS {
        let mut settings = PotentialSettings::tiny(model);
        settings.potential_ensemble = 3;
        settings.flow_smoothing = 10.0;
        let (one, two) = (fitted(&settings, 1), fitted(&settings, 2));
        assert_eq!(one.numbers(), two.numbers());
        assert_ne!(one.members[0][0].to_vec(), one.members[1][0].to_vec());
        one.write(&path).unwrap();
        let read = Potential::read(&path, DIMENSIONS, &settings, Device::Cpu).unwrap();
        assert_eq!(one.numbers(), read.numbers());
        assert_eq!(one.statistics, read.statistics);
        let data = line(20);
        let values = |potential: &Potential| potential.values(&data.observation, &data.action);
        assert_eq!(values(&one), values(&read));

        let refused = |edit: &dyn Fn(&mut PotentialSettings), expected: &str| {
            let mut settings = settings.clone();
            edit(&mut settings);
            let refused = Potential::read(&path, DIMENSIONS, &settings, Device::Cpu).unwrap_err();
            let message = refused.to_string();
            assert!(message.contains(expected), "{message}");
        };
        let name = model.name();
        refused(
            &|settings| settings.potential_hidden = vec![16, 11],
            &format!("`{name}.0.network.0.layer.1.weight`: expected shape [11, 16]"),
        );
        // Less than there is would be another Φ.
        let stranger = format!("`{name}.2.network.0.layer.0.bias`: a `{name}` of 2 members");
        refused(&|settings| settings.potential_ensemble = 2, &stranger);
        if model.is_flow() {
            let stranger = format!("`{name}.0.network.2.layer.0.bias`: a `{name}` of 3 members");
            refused(&|settings| settings.flow_layers = 2, &stranger);
            let other = match model {
                PotentialModel::Maf => PotentialModel::RealNvp,
                _ => PotentialModel::Maf,
            };
            refused(&|settings| settings.potential = other, "found none");
        }
    }
}

#[test]
fn numbers_that_are_none_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("potential.pt");
    let settings = PotentialSettings::tiny(PotentialModel::Maf);
    fitted(&settings, 1).write(&path).unwrap();
    let whole = checkpoint::read_tensors(&path).unwrap();
    let weight = "maf.0.network.1.layer.0.weight";
    for (name, number, expected) in [
        (weight, f32::NAN, "holds NaN, expected finite numbers"),
        (STD, 0.0, "holds 0, expected positive numbers"),
    ] {
        let mut tensors = whole.clone();
        tensors.get_mut(name).unwrap().data[1] = number;
        checkpoint::write_tensors(&path, &tensors).unwrap();
        let refused = Potential::read(&path, DIMENSIONS, &settings, Device::Cpu).unwrap_err();
        let message = refused.to_string();
        assert!(
            message.contains(name) && message.contains(expected),
            "{message}"
        );
    }
}

/// Broken off after an uneven number of passes of each member, and once more.
#[test]
fn a_fitting_that_was_broken_off_goes_on_bit_for_bit() {
    for model in MODELS {
        let mut settings = PotentialSettings::tiny(model);
        settings.potential_ensemble = 2;
        settings.potential_epochs = 7;
        settings.flow_smoothing = 10.0;
        let until = |passes: [usize; 2], states: Vec<Option<MemberState>>| {
            let kept = Mutex::new(states.clone());
            let fitting = Fitting {
                seed: 7,
                threads: 2,
                states,
                watch: &|number, member| {
                    if member.passes() < passes[number] {
                        return ControlFlow::Continue(());
                    }
                    kept.lock().unwrap()[number] = Some(member.save());
                    ControlFlow::Break(())
                },
            };
            let data = line(300);
            let broken = Potential::fit(&data, DIMENSIONS, &settings, Device::Cpu, &fitting);
            assert!(broken.is_none());
            let kept = kept.into_inner().unwrap();
            // Through bytes, as in a file.
            let bytes = postcard::to_allocvec(&kept).unwrap();
            postcard::from_bytes::<Vec<Option<MemberState>>>(&bytes).unwrap()
        };
        let states = until([5, 7], until([2, 3], vec![None, None]));
        let passes = states.iter().flatten().map(|state| state.passes);
        assert_eq!(passes.collect::<Vec<_>>(), [5, 7]);
        let fitting = Fitting {
            seed: 7,
            threads: 1,
            states,
            watch: &|_, _| ControlFlow::Continue(()),
        };
        let data = line(300);
        let resumed = Potential::fit(&data, DIMENSIONS, &settings, Device::Cpu, &fitting).unwrap();
        assert_eq!(resumed.numbers(), fitted(&settings, 1).numbers());
    }
}
