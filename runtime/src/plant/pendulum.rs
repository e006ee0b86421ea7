//! [`Pendulum`]: a point mass on a rod with a motor in the joint, balanced upright.

use core::convert::Infallible;

use crate::board::Board;
use crate::time::Micros;

/// `m l² θ'' = m g l sin θ - d θ' + τ`, θ from upright, stepped by [`advance`](Self::advance).
///
/// As a [`Board`] it measures θ in rad and θ' in rad/s and is commanded τ in N m; safe is the motor without current.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pendulum {
    /// θ in rad.
    pub angle: f32,
    /// θ' in rad/s.
    pub speed: f32,
    /// τ in N m.
    pub torque: f32,
    /// m in kg.
    pub mass: f32,
    /// l in m.
    pub length: f32,
    /// d in N m s.
    pub damping: f32,
    /// Simulated time.
    pub time: Micros,
}

/// Standard gravity in m/s².
const GRAVITY: f32 = 9.806_65;

/// Longest step of the integrator in seconds.
const LONGEST_STEP_S: f32 = 1e-3;

impl Pendulum {
    /// One kilogram on one metre without friction, leaning by `angle`, at rest.
    #[must_use]
    pub const fn leaning(angle: f32) -> Self {
        Self {
            angle,
            speed: 0.0,
            torque: 0.0,
            mass: 1.0,
            length: 1.0,
            damping: 0.0,
            time: Micros(0),
        }
    }

    /// Lets time pass, in equal steps of at most a millisecond by the classical Runge–Kutta method.
    pub fn advance(&mut self, micros: u32) {
        let n_steps = micros.div_ceil((LONGEST_STEP_S * 1e6) as u32);
        let step_s = micros as f32 * 1e-6 / n_steps.max(1) as f32;
        for _ in 0..n_steps {
            self.integrate(step_s);
        }
        self.time = Micros(self.time.0.saturating_add(u64::from(micros)));
    }

    /// Kinetic and potential energy in J, 0 at rest upright.
    #[must_use]
    pub fn energy(&self) -> f32 {
        let inertia = self.mass * self.length * self.length;
        let height = self.length * (libm::cosf(self.angle) - 1.0);
        0.5 * inertia * self.speed * self.speed + self.mass * GRAVITY * height
    }

    fn integrate(&mut self, h: f32) {
        let (angle, speed) = (self.angle, self.speed);
        let (da1, ds1) = self.rate(angle, speed);
        let (da2, ds2) = self.rate(angle + 0.5 * h * da1, speed + 0.5 * h * ds1);
        let (da3, ds3) = self.rate(angle + 0.5 * h * da2, speed + 0.5 * h * ds2);
        let (da4, ds4) = self.rate(angle + h * da3, speed + h * ds3);
        self.angle += h / 6.0 * (da1 + 2.0 * da2 + 2.0 * da3 + da4);
        self.speed += h / 6.0 * (ds1 + 2.0 * ds2 + 2.0 * ds3 + ds4);
    }

    /// (θ', θ'')
    fn rate(&self, angle: f32, speed: f32) -> (f32, f32) {
        let inertia = self.mass * self.length * self.length;
        let gravity = self.mass * GRAVITY * self.length * libm::sinf(angle);
        (
            speed,
            (gravity - self.damping * speed + self.torque) / inertia,
        )
    }
}

impl Board for Pendulum {
    type Error = Infallible;

    fn now(&self) -> Micros {
        self.time
    }

    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), Infallible> {
        for (place, number) in measurement.iter_mut().zip([self.angle, self.speed]) {
            *place = number;
        }
        Ok(())
    }

    fn actuate(&mut self, command: &[f32]) -> Result<(), Infallible> {
        if let [torque] = command {
            self.torque = *torque;
        }
        Ok(())
    }

    fn make_safe(&mut self) {
        self.torque = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::f32::consts::PI;

    #[test]
    fn small_swings_are_harmonic() {
        let amplitude = 1e-2;
        let mut pendulum = Pendulum::leaning(PI - amplitude);
        pendulum.length = 2.0;
        let omega = f64::from(GRAVITY / 2.0).sqrt();
        for step in 1..=200 {
            pendulum.advance(10_000);
            let expected =
                f64::from(PI) - f64::from(amplitude) * (omega * f64::from(step) * 0.01).cos();
            let error = (f64::from(pendulum.angle) - expected).abs();
            // Rounding of π in f32, and the swing's third order.
            assert!(error < 1e-5, "step {step}: {error}");
        }
        assert_eq!(pendulum.time, Micros(2_000_000));
    }

    #[test]
    fn without_friction_energy_stays() {
        let mut pendulum = Pendulum::leaning(0.5);
        let before = pendulum.energy();
        pendulum.advance(5_000_000);
        assert!(
            (pendulum.energy() - before).abs() < 2e-3,
            "{before} became {}",
            pendulum.energy()
        );
    }

    #[test]
    fn a_torque_against_gravity_holds_it() {
        let mut pendulum = Pendulum::leaning(0.3);
        pendulum.torque = -GRAVITY * libm::sinf(0.3);
        pendulum.advance(100_000);
        assert!((pendulum.angle - 0.3).abs() < 1e-5);
        pendulum.make_safe();
        pendulum.advance(100_000);
        assert!(pendulum.angle > 0.31);
    }
}
