//! What happens to the rows of a layer around its matrix products. In host memory bias, ReLU and their derivatives are
//! single passes of our own, which libtorch would make in two or three; elsewhere they are libtorch's.

use multiversion::multiversion;
use rlfd_models::Activation;
use tch::{Device, Kind, Tensor};

use super::{host_slice, host_slice_mut};

/// `output = activation(x weightᵀ + bias)`: `[rows, inputs] -> [rows, outputs]`.
pub(super) fn affine(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Option<Activation>,
    output: &mut Tensor,
) {
    let fused = output.device() == Device::Cpu;
    if fused {
        let _ = x.mm_out(output, &weight.tr());
        let relu = activation == Some(Activation::Relu);
        add_bias(host_slice_mut(output), host_slice(bias), relu);
    } else {
        let _ = bias.addmm_out(output, x, &weight.tr());
    }
    match activation {
        Some(Activation::Relu) if fused => {}
        Some(activation) => activate(activation, output),
        None => {}
    }
}

/// `output = activation(output)`
pub(super) fn activate(activation: Activation, output: &mut Tensor) {
    let _ = match activation {
        Activation::Relu => output.relu_(),
        Activation::Elu => output.elu_(),
        Activation::Tanh => output.tanh_(),
        Activation::Sigmoid => output.sigmoid_(),
    };
}

/// `delta *= activation'(…)`, the derivative expressed by the activation's output. Both `[rows, width]`.
pub(super) fn activation_backward(activation: Activation, delta: &mut Tensor, output: &Tensor) {
    let _ = match activation {
        Activation::Relu if delta.device() == Device::Cpu => {
            return mask(host_slice_mut(delta), host_slice(output));
        }
        Activation::Relu => output.threshold_backward_grad_input(delta, delta, 0.0),
        Activation::Elu => {
            Tensor::elu_backward_grad_input(delta, delta, 1.0, 1.0, 1.0, true, output)
        }
        Activation::Tanh => Tensor::tanh_backward_grad_input(delta, delta, output),
        Activation::Sigmoid => Tensor::sigmoid_backward_grad_input(delta, delta, output),
    };
}

/// `[rows, width] -> [width]`
pub(super) fn sum(delta: &Tensor, sum: &Tensor) {
    if delta.device() == Device::Cpu {
        let mut sum = sum.shallow_clone();
        sum_rows(host_slice(delta), host_slice_mut(&mut sum));
    } else {
        let _ = delta.sum_intlist_out(sum, 0, false, Kind::Float);
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn add_bias(rows: &mut [f32], bias: &[f32], relu: bool) {
    let least = if relu { 0.0 } else { f32::NEG_INFINITY };
    for row in rows.chunks_exact_mut(bias.len()) {
        for (y, b) in row.iter_mut().zip(bias) {
            let sum = *y + b;
            // A comparison, not `max`: NaN has to stay NaN.
            *y = if sum < least { least } else { sum };
        }
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn mask(delta: &mut [f32], output: &[f32]) {
    for (d, y) in delta.iter_mut().zip(output) {
        *d = if *y > 0.0 { *d } else { 0.0 };
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn sum_rows(rows: &[f32], sum: &mut [f32]) {
    sum.fill(0.0);
    for row in rows.chunks_exact(sum.len()) {
        for (s, d) in sum.iter_mut().zip(row) {
            *s += d;
        }
    }
}
