namespace HeadTap.Jobs;

/// <summary>A job array of Slurm.</summary>
static class SlurmScript
{
    internal static string Text(ScriptFacts facts) => $$"""
        #!/bin/bash
        # {{facts.What}}. Submit with: sbatch FILE
        # A task that ends with code 75 was interrupted: clusters with RequeueExit=75 run it again. Elsewhere
        # submit what is missing:  sbatch --array="$(headtap sweep missing --dir DIR{{facts.Chunk}})" FILE
        # The report, after all tasks:
        #   sbatch --dependency=afterany:JOB --wrap {{ScriptFacts.Quoted(facts.Report)}}
        #SBATCH --job-name=headtap-sweep
        #SBATCH --array=0-{{facts.Chunks.Count - 1}}
        #SBATCH --cpus-per-task=4
        #SBATCH --time=01:00:00
        #SBATCH --output="{{facts.Dir}}/logs/%A_%a.log"
        #SBATCH --open-mode=append
        #SBATCH --requeue
        #SBATCH --signal=B:USR1@120
        {{facts.Begin}}
        # The last line becomes the program, so that signals to the batch script reach it.
        exec {{facts.Program}} --array{{facts.Chunk}} --threads "${SLURM_CPUS_PER_TASK:-0}"

        """;
}
