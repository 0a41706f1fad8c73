//! Schedule of the learning rate.

/// Linear warm-up to a peak, then linear decay to zero at the last step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Highest learning rate.
    pub peak: f64,
    /// Number of warm-up steps.
    pub warmup: u64,
    /// Total number of steps.
    pub total: u64,
}

impl Schedule {
    /// Returns the learning rate of step `step`, counted from 0.
    #[must_use]
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let left = self.total.saturating_sub(step) as f64;
        self.peak * left / self.total.saturating_sub(self.warmup).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn rises_to_the_peak_and_falls_to_zero() {
        let schedule = Schedule { peak: 2.0, warmup: 4, total: 12 };
        let rates: Vec<f64> = (0..13).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates, [0.5, 1.0, 1.5, 2.0, 2.0, 1.75, 1.5, 1.25, 1.0, 0.75, 0.5, 0.25, 0.0]);
    }

    #[test]
    fn works_without_warmup_and_when_all_is_warmup() {
        assert!((Schedule { peak: 1.0, warmup: 0, total: 2 }.rate(0) - 1.0).abs() < 1e-12);
        assert!((Schedule { peak: 1.0, warmup: 2, total: 2 }.rate(1) - 1.0).abs() < 1e-12);
    }
}
