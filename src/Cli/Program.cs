using HeadTap.Cli;

using var interrupt = new Interrupt();
return CommandLine.RunProcess(args, Terminal.OfProcess(), interrupt);
