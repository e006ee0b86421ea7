//! Our own engine, input by input and output by output.

use std::collections::BTreeMap;

use rlfd_runtime::Policy;
use rlfd_runtime::backend::EnginePolicy;
use rlfd_runtime::image::{ImageBytes, PolicyImage, Port};

use super::{Runner, Slot};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::ExportError;

pub(super) struct EngineRunner {
    policy: EnginePolicy,
    inputs: Vec<Slot>,
    outputs: Vec<Slot>,
}

impl EngineRunner {
    pub fn new(image: &[u8]) -> Result<Self, ExportError> {
        let bytes = ImageBytes::new(image);
        let view = PolicyImage::view(&bytes)?;
        let mut policy = EnginePolicy::from_bytes(image)?;
        policy.reset();
        Ok(Self {
            policy,
            inputs: view.inputs().map(slot).collect(),
            outputs: view.outputs().map(slot).collect(),
        })
    }

    pub fn output_names(&self) -> Vec<String> {
        self.outputs.iter().map(|slot| slot.name.clone()).collect()
    }
}

/// An image holds every number as a single.
fn slot(port: Port<'_>) -> Slot {
    let axes = port.shape.split('x').filter(|axis| !axis.is_empty());
    let shape: Option<Vec<usize>> = axes.map(|axis| axis.parse().ok()).collect();
    let len = port.len as usize;
    Slot {
        name: port.name.to_string(),
        dtype: Dtype::F32,
        shape: shape
            .filter(|shape| shape.iter().product::<usize>() == len)
            .unwrap_or_else(|| vec![len]),
    }
}

impl Runner for EngineRunner {
    fn inputs(&self) -> &[Slot] {
        &self.inputs
    }

    fn run(&mut self, inputs: &[Array]) -> Result<BTreeMap<String, Array>, ExportError> {
        let observation: Vec<f32> = inputs.iter().flat_map(Array::to_f32).collect();
        let mut action = vec![0.0; self.policy.shape().action_dim];
        self.policy.act(&observation, &mut action);
        let mut numbers = action.into_iter().map(f64::from);
        let outputs = self.outputs.iter().map(|slot| {
            let array = Array {
                shape: slot.shape.clone(),
                data: numbers.by_ref().take(slot.shape.iter().product()).collect(),
                dtype: slot.dtype,
            };
            (slot.name.clone(), array)
        });
        Ok(outputs.collect())
    }

    fn reset(&mut self) {
        self.policy.reset();
    }
}
