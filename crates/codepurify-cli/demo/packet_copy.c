static int rx_copy_packet(struct net_port *port, const uint8_t *data, size_t size)
{
    struct rx_ring *ring = &port->ring;
    uint8_t header[64];
    uint8_t *dst;
    size_t hdr_len, left;

    hdr_len = data[0] * 4;
    memcpy(header, data, hdr_len);
    left = size - hdr_len;
    dst = ring->base + ring->head * ring->slot_size;
    while (left > 0) {
        size_t chunk = left < ring->slot_size ? left : ring->slot_size;
        memcpy(dst, data + hdr_len, chunk);
        hdr_len += chunk;
        left -= chunk;
        dst += chunk;
        ring->head++;
    }
    port->stats.rx_bytes += size;
    return rx_deliver(port, header, ring->head);
}
