static int decode_palette_frame(AVCodecContext *avctx, const uint8_t *buf, int buf_size)
{
    PaletteContext *s = avctx->priv_data;
    const uint8_t *end = buf + buf_size;
    uint8_t *out = s->frame->data[0];
    int x = 0, y = 0, count, color;

    while (buf < end && y < avctx->height) {
        count = *buf++;
        color = *buf++;
        if (count & 0x80) {
            count &= 0x7f;
            memcpy(out + x, buf, count);
            buf += count;
        } else {
            memset(out + x, color, count);
        }
        x += count;
        if (x >= avctx->width) {
            out += s->frame->linesize[0];
            x = 0;
            y++;
        }
    }
    return buf_size;
}
