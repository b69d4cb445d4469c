// Makes echarts.min.js, the part of Apache ECharts that the page uses:
//
//   npm install --no-save echarts@6.1.0 esbuild@0.28.2 && node build.mjs
//
// See README.md.
import { build } from 'esbuild';

const source = `
import * as echarts from 'echarts/core';
import { BarChart, CustomChart } from 'echarts/charts';
import { GridComponent, DataZoomComponent, AriaComponent } from 'echarts/components';
import { CanvasRenderer } from 'echarts/renderers';
echarts.use([BarChart, CustomChart, GridComponent, DataZoomComponent, AriaComponent, CanvasRenderer]);
export const { init, version } = echarts;
`;

await build({
  stdin: { contents: source, resolveDir: process.cwd() },
  outfile: 'echarts.min.js',
  bundle: true,
  minify: true,
  format: 'iife',
  globalName: 'echarts',
  target: 'es2020',
  charset: 'utf8',
  legalComments: 'none',
  banner: {
    js: `/*! Apache ECharts 6.1.0, a build of bar and custom charts.
Copyright 2017-2026 The Apache Software Foundation. Licensed under the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0
Includes ZRender, Copyright (c) 2017 Baidu Inc., BSD 3-Clause, and tslib, Copyright (c) Microsoft Corporation, 0BSD. */`,
  },
});
