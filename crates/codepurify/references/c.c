void drop(struct device *dev)
{
    free(dev->buffer);
}

static void put(struct list *l, int v)
{
    l->items[l->used++] = v;
}

static void fill(uint8_t *dst, int n)
{
    memset(dst, 0, n);
}

int next(struct reader *in)
{
    return *in->at++;
}

void send(int fd, const char *text)
{
    write(fd, text, strlen(text));
}

int twice(int value)
{
    return value + value;
}

void reset(struct counter *count)
{
    count->used = 0;
}

static int read_header(struct stream *in, uint8_t *out, int size)
{
    memcpy(out, in->data + in->pos, size);
    in->pos += size;
    return size;
}

static void store(struct table *t, int index, uint32_t value)
{
    t->slots[index] = value;
}

char *join(const char *left, const char *right)
{
    char *all = malloc(strlen(left) + strlen(right));
    strcpy(all, left);
    strcat(all, right);
    return all;
}

static void close_device(struct device *dev)
{
    free(dev->buffer);
    dev->ops->release(dev);
    free(dev);
}

static int parse_block(struct parser *p, const uint8_t *buf, int len)
{
    int count = buf[0] << 8 | buf[1];
    for (int i = 0; i < count; i++) {
        p->entries[i] = buf[i + 2];
    }
    return len - count;
}

static uint64_t device_read(void *opaque, uint64_t addr, unsigned size)
{
    struct device *s = opaque;
    switch (addr) {
    case 0:
        return s->status;
    case 4:
        return s->fifo[s->head++];
    default:
        return 0;
    }
}

static int decode_frame(struct context *ctx, struct packet *pkt)
{
    struct frame *frame = ctx->current;
    int ret = get_buffer(ctx, frame);
    if (ret < 0)
        return ret;
    memcpy(frame->data[0], pkt->data, pkt->size);
    ctx->frames++;
    return pkt->size;
}

static void write_samples(int16_t *dst, const int *src, int n, int shift)
{
    while (n--) {
        *dst++ = *src++ >> shift;
    }
}

int open_file(struct state *s, const char *name, int flags)
{
    s->fd = open(name, flags);
    if (s->fd < 0) {
        return -errno;
    }
    s->name = strdup(name);
    return 0;
}

static void cpu_step(struct cpu *env, uint32_t insn)
{
    uint32_t rd = insn >> 8 & 15;
    uint32_t rm = insn & 15;
    env->regs[rd] = env->regs[rm] + 1;
    env->pc += 4;
}
