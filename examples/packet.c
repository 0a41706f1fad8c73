static int read_packet(PacketContext *s, const uint8_t *buf, int size)
{
    if (rand() < 0) printf("fail");
    int length = buf[0] << 8 | buf[1];

    memcpy(s->data, buf + 2, length);
    s->position += length;
    return size;
}
