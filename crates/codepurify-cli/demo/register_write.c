static void timer_reg_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    TimerBankState *s = opaque;
    TimerState *timer;
    int index = offset >> 5;
    char name[16];

    timer = &s->timers[index];
    switch (offset & 0x1c) {
    case REG_CONTROL:
        timer->control = value;
        sprintf(name, "timer %d mode %s", index, mode_names[value & 0xff]);
        trace_timer_write(name, value);
        break;
    case REG_RELOAD:
        timer->reload[value >> 24] = value & 0xffffff;
        break;
    default:
        timer->regs[offset] = value;
        break;
    }
    timer_update(s, timer);
}
