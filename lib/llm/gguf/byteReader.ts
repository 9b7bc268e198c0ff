/** Thrown when a reader is asked for more bytes than it has. */
export class OutOfBytes extends Error {}

/** Little-endian values from a buffer, one after the other, never past its end. */
export class ByteReader {
  readonly #buffer: Buffer;
  #position = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#position;
  }

  /** @throws OutOfBytes */
  bytes(length: number): Buffer {
    return this.#buffer.subarray(this.#advance(length), this.#position);
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#advance(1));
  }

  i8(): number {
    return this.#buffer.readInt8(this.#advance(1));
  }

  u16(): number {
    return this.#buffer.readUInt16LE(this.#advance(2));
  }

  i16(): number {
    return this.#buffer.readInt16LE(this.#advance(2));
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#advance(4));
  }

  i32(): number {
    return this.#buffer.readInt32LE(this.#advance(4));
  }

  u64(): bigint {
    return this.#buffer.readBigUInt64LE(this.#advance(8));
  }

  i64(): bigint {
    return this.#buffer.readBigInt64LE(this.#advance(8));
  }

  f32(): number {
    return this.#buffer.readFloatLE(this.#advance(4));
  }

  f64(): number {
    return this.#buffer.readDoubleLE(this.#advance(8));
  }

  #advance(length: number): number {
    const start = this.#position;
    if (length > this.#buffer.length - start) throw new OutOfBytes();
    this.#position = start + length;
    return start;
  }
}
