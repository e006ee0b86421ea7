//! `policy.pt` opened by libtorch's own reader.

use std::collections::BTreeMap;

use crate::random_policy::RECIPES;

#[test]
fn libtorch_loads_the_tensors_of_a_policy() {
    let folder = tempfile::tempdir().unwrap();
    for recipe in RECIPES {
        let path = folder.path().join("policy.pt");
        let checkpoint = recipe.checkpoint();
        checkpoint.write(&path).unwrap();
        let read: BTreeMap<_, _> = tch::Tensor::loadz_multi(&path)
            .unwrap()
            .into_iter()
            .collect();
        assert_eq!(read.len(), checkpoint.tensors.len(), "{}", recipe.name);
        for (name, tensor) in &checkpoint.tensors {
            let theirs = &read[name];
            let shape: Vec<i64> = tensor.shape.iter().map(|n| *n as i64).collect();
            assert_eq!(theirs.size(), shape, "{name}");
            assert_eq!(theirs.kind(), tch::Kind::Float, "{name}");
            let data = Vec::<f32>::try_from(theirs.reshape([-1])).unwrap();
            assert_eq!(data, tensor.data, "{name}");
        }
    }
}
