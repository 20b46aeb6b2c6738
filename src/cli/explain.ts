/**
 * `vt86 explain`: asks a machine that another `vt86 run --gdb` runs what its monitor would say.
 */
import { Closed, GdbClient } from "../debug/gdb/client.js";
import { fromHex, toHex } from "../debug/gdb/packet.js";
import { connectTcp } from "../host/node/tcp-connect.js";
import { UsageError } from "../host/usage-error.js";
import { checkTopic } from "../inspect/monitor-words.js";
import { type GdbAddress, parseGdbAddress } from "./gdb-option.js";

const usage = `Usage: vt86 explain [--gdb ADDRESS] WHAT

Asks a machine that runs with 'vt86 run … --gdb ADDRESS' (127.0.0.1:1234, as with -s, unless given). WHAT is one of

  vmcs [WORDS]              the current VMCS by field name; with WORDS, fields that contain them
  ept GPA [r|w|x]           how EPT translates a guest-physical address, step by step
  exit [N], exits [N]       the last VM exit in full, the last 16 or N in a line each
  entry                     why the last VM entry that failed did
  walk, guest-walk, host-walk ADDR [r|w|x]
                            page walks in what runs, in the guest, in the hypervisor
  registers                 the registers of the processor

The guest stands still for the moment, and neither it nor its clock notices. Addresses are hexadecimal.`;

/** As `-s` has it. */
const DEFAULT_ADDRESS = "1234";
/** Milliseconds. A busy host, and a guest that is stopped first, may take a while. */
const PATIENCE = 20_000;

interface Question {
  readonly address: GdbAddress;
  readonly words: readonly string[];
}

/** The address may stand anywhere. */
function parse(line: readonly string[]): Question {
  const words: string[] = [];
  let address = DEFAULT_ADDRESS;
  for (let i = 0; i < line.length; i++) {
    const [, value] = /^--?gdb(?:=(.*))?$/.exec(line[i]!) ?? [];
    if (!line[i]!.startsWith("-")) words.push(line[i]!);
    else if (value !== undefined) address = value;
    else if (!/^--?gdb$/.test(line[i]!))
      throw new UsageError(`There is no option ${line[i]}; 'vt86 explain --help' tells what there is.`);
    else {
      const next = line[++i];
      if (next === undefined) throw new UsageError("The option --gdb needs a value: ADDRESS.");
      address = next;
    }
  }
  if (words.length === 0) throw new UsageError("Say what to explain: vmcs, ept GPA, exit, exits or entry.");
  checkTopic(words);
  return { address: parseGdbAddress(address), words };
}

const nameOf = ({ host, port }: GdbAddress): string => `${host.includes(":") ? `[${host}]` : host}:${port}`;

async function connected(address: GdbAddress): Promise<GdbClient> {
  try {
    return new GdbClient(await connectTcp(address.host, address.port));
  } catch {
    throw new UsageError(
      `Nobody listens at ${nameOf(address)}: start the machine with 'vt86 run … --gdb ADDRESS', and give the same address here.`,
    );
  }
}

async function ask(client: GdbClient, { address, words }: Question): Promise<string> {
  const where = nameOf(address);
  const view = await client.ask("qvt86.MemoryView").catch((error: unknown) => {
    if (!(error instanceof Closed)) throw error;
    throw new UsageError(
      `${where} takes no more debuggers: ask the one that is attached, with 'monitor explain ${words.join(" ")}'.`,
    );
  });
  if (view === "") throw new UsageError(`At ${where} is a GDB server, but no vt86.`);
  const command = new TextEncoder().encode(`explain ${words.join(" ")}`);
  const answer = await client.ask(`qRcmd,${toHex(command)}`);
  await client.ask("Qvt86.Leave");
  return new TextDecoder().decode(fromHex(answer === "OK" ? "" : answer));
}

/** Runs `vt86 explain WORDS` and returns the exit status. */
export async function explain(line: readonly string[]): Promise<number> {
  if (line.some((word) => /^(--?help|-h)$/.test(word))) {
    console.log(usage);
    return 0;
  }
  const question = parse(line);
  const client = await connected(question.address);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new UsageError(`What listens at ${nameOf(question.address)} does not answer as a GDB server.`));
    }, PATIENCE);
  });
  try {
    process.stdout.write(await Promise.race([ask(client, question), late]));
    return 0;
  } finally {
    clearTimeout(timer);
    client.close();
  }
}
