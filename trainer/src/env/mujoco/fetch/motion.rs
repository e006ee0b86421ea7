//! How a site moves and is turned, from MuJoCo's data as they stand.

use super::super::Simulation;

/// Velocity of a site in metres and radians per second: translation and rotation.
///
/// It is the site's Jacobian, as of the last kinematics, times the present `qvel`. After a step without
/// `mj_forward` the Jacobian is one physics step older than `qvel`, which `mj_objectVelocity` would not be.
pub(super) fn velocity(simulation: &Simulation, site: usize) -> ([f64; 3], [f64; 3]) {
    let (model, data) = (simulation.model(), simulation.data());
    let (parents, n_dofs) = (model.body_parentid(), model.body_dofnum());
    let mut body = model.site_bodyid()[site] as usize;
    let centre = data.subtree_com()[model.body_rootid()[body] as usize];
    let place = data.site_xpos()[site];
    let arm: [f64; 3] = std::array::from_fn(|axis| place[axis] - centre[axis]);
    while body > 0 && n_dofs[body] == 0 {
        body = parents[body] as usize;
    }
    let (mut translation, mut rotation) = ([0.0; 3], [0.0; 3]);
    if n_dofs[body] == 0 {
        return (translation, rotation);
    }
    let mut dof = model.body_dofadr()[body] + n_dofs[body] - 1;
    while let Ok(index) = usize::try_from(dof) {
        let [x, y, z, u, v, w] = data.cdof()[index];
        let rate = simulation.qvel()[index];
        let swept = cross([x, y, z], arm);
        for (axis, turn) in [x, y, z].into_iter().enumerate() {
            rotation[axis] += turn * rate;
            translation[axis] += ([u, v, w][axis] + swept[axis]) * rate;
        }
        dof = model.dof_parentid()[index];
    }
    (translation, rotation)
}

/// Euler angles in radians of a site's rotation matrix, turned about x, y and z in this order.
pub(super) fn euler_angles(simulation: &Simulation, site: usize) -> [f64; 3] {
    /// Below this the first and the third axis coincide.
    const PARALLEL: f64 = 4.0 * f64::EPSILON;
    let m = simulation.data().site_xmat()[site];
    let entry = |row: usize, column: usize| m[3 * row + column];
    let across = (entry(2, 2) * entry(2, 2) + entry(1, 2) * entry(1, 2)).sqrt();
    let tilt = -(-entry(0, 2)).atan2(across);
    if across > PARALLEL {
        [
            -entry(1, 2).atan2(entry(2, 2)),
            tilt,
            -entry(0, 1).atan2(entry(0, 0)),
        ]
    } else {
        [0.0, tilt, -(-entry(1, 0)).atan2(entry(1, 1))]
    }
}

fn cross([a, b, c]: [f64; 3], [x, y, z]: [f64; 3]) -> [f64; 3] {
    [b * z - c * y, c * x - a * z, a * y - b * x]
}
