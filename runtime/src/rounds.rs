//! How often tests repeat what is random.

/// So often; a few times where Miri interprets every instruction.
pub(crate) fn rounds(many: usize) -> usize {
    if cfg!(miri) { many.min(8) } else { many }
}
