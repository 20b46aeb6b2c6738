/**
 * The calendar of the MC146818: converts UNIX time to its registers and advances these by one second.
 *
 * The chip knows nothing of UNIX time once it runs: it counts the registers, in whatever format register B
 * says, as a guest left them.
 */

/** Register numbers (MC146818 data sheet, figure 14). */
export const Register = {
  seconds: 0x00,
  secondsAlarm: 0x01,
  minutes: 0x02,
  minutesAlarm: 0x03,
  hours: 0x04,
  hoursAlarm: 0x05,
  dayOfWeek: 0x06,
  dayOfMonth: 0x07,
  month: 0x08,
  year: 0x09,
  a: 0x0a,
  b: 0x0b,
  c: 0x0c,
  d: 0x0d,
  /** Where ACPI's FADT says that the century is. */
  century: 0x32,
} as const;

const B_BINARY = 0x04;
const B_24_HOURS = 0x02;
const PM = 0x80;

/** The part of register B that says how values are written. */
export interface Format {
  readonly binary: boolean;
  readonly hours24: boolean;
}

export function formatOf(registerB: number): Format {
  return { binary: (registerB & B_BINARY) !== 0, hours24: (registerB & B_24_HOURS) !== 0 };
}

function encode(value: number, format: Format): number {
  return format.binary ? value : (Math.floor(value / 10) << 4) | (value % 10);
}

function decode(value: number, format: Format): number {
  return format.binary ? value : (value >> 4) * 10 + (value & 15);
}

function encodeHours(hours: number, format: Format): number {
  if (format.hours24) return encode(hours, format);
  return encode(hours % 12 === 0 ? 12 : hours % 12, format) | (hours >= 12 ? PM : 0);
}

function decodeHours(value: number, format: Format): number {
  if (format.hours24) return decode(value, format);
  return (decode(value & ~PM, format) % 12) + (value & PM ? 12 : 0);
}

/** Writes UTC `unixMilliseconds` to the time registers. */
export function setTime(registers: Uint8Array, unixMilliseconds: number, format: Format): void {
  const date = new Date(unixMilliseconds);
  registers[Register.seconds] = encode(date.getUTCSeconds(), format);
  registers[Register.minutes] = encode(date.getUTCMinutes(), format);
  registers[Register.hours] = encodeHours(date.getUTCHours(), format);
  registers[Register.dayOfWeek] = encode(date.getUTCDay() + 1, format);
  registers[Register.dayOfMonth] = encode(date.getUTCDate(), format);
  registers[Register.month] = encode(date.getUTCMonth() + 1, format);
  registers[Register.year] = encode(date.getUTCFullYear() % 100, format);
  registers[Register.century] = encode(Math.floor(date.getUTCFullYear() / 100), format);
}

function daysIn(month: number, year: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Advances the time registers by one second. */
export function addSecond(registers: Uint8Array, format: Format): void {
  /** Counts one register up; returns true when it wrapped to `first`. */
  const count = (register: number, first: number, last: number): boolean => {
    const value = decode(registers[register], format) + 1;
    registers[register] = encode(value > last ? first : value, format);
    return value > last;
  };
  if (!count(Register.seconds, 0, 59) || !count(Register.minutes, 0, 59)) return;
  const hours = decodeHours(registers[Register.hours], format) + 1;
  registers[Register.hours] = encodeHours(hours > 23 ? 0 : hours, format);
  if (hours <= 23) return;
  count(Register.dayOfWeek, 1, 7);
  const year = decode(registers[Register.century], format) * 100 + decode(registers[Register.year], format);
  const month = decode(registers[Register.month], format);
  if (!count(Register.dayOfMonth, 1, daysIn(month, year)) || !count(Register.month, 1, 12)) return;
  if (count(Register.year, 0, 99)) count(Register.century, 0, 99);
}

/** Whether the alarm registers match the time; the two top bits of an alarm byte say "any" (data sheet, "Alarm"). */
export function alarmMatches(registers: Uint8Array): boolean {
  for (let time = Register.seconds as number; time <= Register.hours; time += 2) {
    const alarm = registers[time + 1];
    if ((alarm & 0xc0) !== 0xc0 && alarm !== registers[time]) return false;
  }
  return true;
}
